package cli

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// devSite is one NAME=TARGET.
type devSite struct {
	name   string         // lower case
	origin string         // URL; empty: folder
	folder string         // absolute
	addr   netip.AddrPort // chosen later
}

func (d devSite) target() string { return d.origin + d.folder }

func (d devSite) url() string {
	if d.addr.Port() == 443 {
		return "https://" + d.name
	}
	return fmt.Sprintf("https://%s:%d", d.name, d.addr.Port())
}

func parseDevSites(args []string) ([]devSite, error) {
	var sites []devSite
	for _, arg := range args {
		name, target, found := strings.Cut(arg, "=")
		if !found || name == "" || target == "" {
			return nil, fmt.Errorf("read %q: expected NAME=TARGET, such as shop.test=http://localhost:5001", arg)
		}
		d := devSite{name: strings.ToLower(strings.TrimSuffix(name, "."))}
		if err := d.parseTarget(target); err != nil {
			return nil, fmt.Errorf("read target of %s: %w", d.name, err)
		}
		for _, other := range sites {
			if other.name == d.name {
				return nil, fmt.Errorf("serve %s: the name is given twice", d.name)
			}
		}
		sites = append(sites, d)
	}
	return sites, nil
}

// parseTarget reads a URL, a port, HOST:PORT, or the path of a folder.
func (d *devSite) parseTarget(target string) error {
	if strings.Contains(target, "://") {
		return d.parseURL(target)
	}
	if isPort(target) {
		d.origin = "http://localhost:" + target
		return nil
	}
	if info, err := os.Stat(target); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is a file: give its folder", target)
		}
		d.folder, err = filepath.Abs(target)
		return err
	}
	if host, port, err := net.SplitHostPort(target); err == nil && isPort(port) && !strings.ContainsAny(host, "/\\") {
		return d.parseURL("http://" + target)
	}
	return fmt.Errorf("%q is no URL, no port, and no folder that exists", target)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func (d *devSite) parseURL(target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%q: expected http://HOST:PORT or https://HOST:PORT", target)
	case u.User != nil:
		return fmt.Errorf("a URL with a user is not supported")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q: leave out what follows the port; requests keep their own path", target)
	}
	d.origin = u.Scheme + "://" + u.Host
	return nil
}

// devYAML is the configuration of a run of dev. JSON strings are YAML strings.
func devYAML(o devOptions, sites []devSite, owner string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "data: %s\n", marshal(o.data))
	fmt.Fprintf(&b, "control: %s\n", marshal("unix:"+filepath.Join(o.data, owner+".sock")))
	fmt.Fprintf(&b, "console: %s\n", marshal(o.console))
	if len(o.localNames) > 0 {
		fmt.Fprintf(&b, "local_names: %s\n", marshal(o.localNames))
	}
	b.WriteString("sites:\n")
	for _, d := range sites {
		fmt.Fprintf(&b, "  %s:\n    bind: [%s]\n    routes:\n", marshal(d.name), marshal(d.addr.String()+" "+d.name))
		switch {
		case d.folder != "":
			fmt.Fprintf(&b, "      - {path: /, files: %s}\n", marshal(d.folder))
		case o.insecure && strings.HasPrefix(d.origin, "https:"):
			fmt.Fprintf(&b, "      - {path: /, to: %s, host: keep, tls: {insecure: true}}\n", marshal(d.origin))
		default:
			fmt.Fprintf(&b, "      - {path: /, to: %s, host: keep}\n", marshal(d.origin))
		}
	}
	return []byte(b.String())
}
