package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var configuredColumns = []column{
	{"start s", "%.2f"},
	{"change of one site ms", "%.1f"},
	{"CPU s to start", "%.2f"},
	{"memory MiB", "%.0f"},
}

const manyConfigured = 10_000

// configuredVerdict is for the change of one site; the row's limit is for the
// start.
func configuredVerdict(medians []float64) string {
	const most = 10 // milliseconds
	return "to change one site: " + within(medians[1], most, "%.1f")
}

// configuredSites has peers start with very many sites, and change one.
func configuredSites(b *bench) ([]subject, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	client, err := newClient(cert)
	if err != nil {
		return nil, err
	}
	var subjects []subject
	for _, p := range []configured{
		{name: "nginx", find: installed("nginx", "-v"), start: nginxConfigured},
		{name: "caddy", find: findCaddy, start: caddyConfigured},
		{name: "fanlight", own: true, find: buildFanlight, start: fanlightConfigured},
	} {
		s := subject{name: p.name, own: p.own}
		var program string
		program, s.version, s.missing = p.find(b)
		round := 0
		s.measure = func(ctx context.Context) ([]float64, error) {
			round++
			return p.measure(ctx, b, program, fmt.Sprintf("%s-%d", p.name, round), cert, client.Transport.(*http.Transport).TLSClientConfig)
		}
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// configured is a peer with many sites, each of which answers with its text.
type configured struct {
	name string
	own  bool
	find func(b *bench) (program, version string, err error)
	// start starts it with the sites of a list, and gives what changes the site
	// of a name so that it answers with another text; it returns when the program
	// says so.
	start func(b *bench, program, name, listen string, cert certificate) (p *process, change func() error, err error)
}

func (c configured) measure(ctx context.Context, b *bench, program, name string, cert certificate, trust *tls.Config) ([]float64, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	p, change, err := c.start(b, program, name, listen, cert)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	last := visitOf{listen, configuredName(manyConfigured - 1), trust}
	if err := last.untilAnswers(ctx, p, "unchanged"); err != nil {
		return nil, err
	}
	took := time.Since(began)
	used, err := p.cpu()
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // what goes on behind the start
	began = time.Now()
	if err := change(); err != nil {
		return nil, fmt.Errorf("change a site: %w", err)
	}
	changed := visitOf{listen, configuredName(changedSite), trust}
	if err := changed.untilAnswers(ctx, p, "changed"); err != nil {
		return nil, err
	}
	return []float64{took.Seconds(), time.Since(began).Seconds() * 1e3, used.Seconds(), float64(p.memory()) / (1 << 20)}, nil
}

const changedSite = manyConfigured / 2

func configuredName(i int) string { return fmt.Sprintf("s%05d.test", i) }

// visitOf asks one site.
type visitOf struct {
	addr, name string
	trust      *tls.Config
}

// untilAnswers waits until the site answers with a text.
func (v visitOf) untilAnswers(ctx context.Context, p *process, text string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		got, err := v.ask(ctx)
		if err == nil && got == text {
			return nil
		}
		if err := p.ended(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %q of %s: last was %q, %w (%s)", text, v.name, got, errors.Join(err, ctx.Err()), p.lastWords())
		case <-time.After(time.Millisecond):
		}
	}
}

func (v visitOf) ask(ctx context.Context) (string, error) {
	config := v.trust.Clone()
	config.ServerName, config.InsecureSkipVerify = v.name, true // one certificate serves all
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", v.addr)
		}}}
	req, err := http.NewRequestWithContext(ctx, "GET", "https://"+v.name+"/", nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if res.StatusCode != http.StatusOK {
		return res.Status, err
	}
	return strings.TrimSpace(string(text)), err
}

func answerOf(i int, changed bool) string {
	if changed && i == changedSite {
		return "changed"
	}
	return "unchanged"
}

func nginxConfigured(b *bench, program, name, listen string, cert certificate) (*process, func() error, error) {
	servers := func(changed bool) string {
		var out strings.Builder
		out.WriteString("\n  server_names_hash_max_size 65536;\n  default_type text/plain;\n")
		for i := range manyConfigured {
			fmt.Fprintf(&out, "  server { listen %s ssl; server_name %s; %s location / { return 200 \"%s\"; } }\n",
				listen, configuredName(i), nginxTLS(cert), answerOf(i, changed))
		}
		return out.String()
	}
	p, err := nginxServer(b, program, name, serverCPU, originConns, servers(false))
	if err != nil {
		return nil, nil, err
	}
	return p, func() error {
		path := filepath.Join(b.dir, name+".conf")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), servers(false), servers(true), 1)), 0o600); err != nil {
			return err
		}
		return p.cmd.Process.Signal(syscall.SIGHUP)
	}, nil
}

func caddyConfigured(b *bench, program, name, listen string, cert certificate) (*process, func() error, error) {
	admin, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	write := func(changed bool) (string, error) {
		var out strings.Builder
		fmt.Fprintf(&out, "{\n  admin %s\n  auto_https off\n  persist_config off\n  log {\n    level ERROR\n  }\n}\n", admin)
		for i := range manyConfigured {
			fmt.Fprintf(&out, "https://%s:%s {\n  tls %s %s\n  respond \"%s\"\n}\n", configuredName(i), portOf(listen), cert.file, cert.key, answerOf(i, changed))
		}
		return b.write(name+".caddyfile", "%s", out.String())
	}
	conf, err := write(false)
	if err != nil {
		return nil, nil, err
	}
	home := filepath.Join(b.dir, name)
	env := append([]string{"PATH=" + home, "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}, oneThread...)
	p, err := b.start(name, serverCPU, env, program, "run", "--config", conf, "--adapter", "caddyfile")
	if err != nil {
		return nil, nil, err
	}
	return p, func() error {
		if conf, err = write(true); err != nil {
			return err
		}
		return told(b, program, "reload", "--config", conf, "--adapter", "caddyfile", "--address", admin)
	}, nil
}

func told(b *bench, program string, args ...string) error {
	out, err := exec.CommandContext(b.ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %.300s", args[0], err, out)
	}
	return nil
}

// fanlightConfigured has sites that serve a file each. The one that is changed
// is stopped and started; it has its other text from the first.
func fanlightConfigured(b *bench, program, name, listen string, cert certificate) (*process, func() error, error) {
	folders := [2]string{filepath.Join(b.dir, name+"-plain"), filepath.Join(b.dir, name+"-one")}
	for i, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(filepath.Join(folder, "index.html"), []byte([...]string{"unchanged", "changed"}[i]), 0o644); err != nil {
			return nil, nil, err
		}
	}
	var out strings.Builder
	socket := filepath.Join(b.dir, name+".sock")
	fmt.Fprintf(&out, "control: unix:%s\nconsole: off\naccess_log: off\ndata: %s\nsites:\n", socket, filepath.Join(b.dir, name+"-data"))
	for i := range manyConfigured {
		folder := folders[0]
		if i == changedSite {
			folder = folders[1]
		}
		fmt.Fprintf(&out, "  s%05d:\n    bind: [\"%s %s\"]\n    certificate: {file: %s, key: %s}\n    routes: [{path: /, files: %s}]\n",
			i, listen, configuredName(i), cert.file, cert.key, folder)
	}
	conf, err := b.write(name+".yaml", "%s", out.String())
	if err != nil {
		return nil, nil, err
	}
	p, err := b.start(name, serverCPU, oneThread, program, "run", "-c", conf)
	if err != nil {
		return nil, nil, err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	site := fmt.Sprintf("s%05d", changedSite)
	return p, func() error {
		if err := change(client, site, "stop"); err != nil {
			return err
		}
		return change(client, site, "start")
	}, nil
}
