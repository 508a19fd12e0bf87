package oracle

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
)

// TestSnippets gives each configuration line that a page of the catalogue
// recommends to the program it is for. A line may stand in any context that
// takes it, beside the lines before it.
func TestSnippets(t *testing.T) {
	bed := newSnippetBed(t)
	for _, checker := range []snippetChecker{nginxSnippets(), haproxySnippets(), apacheSnippets(), fanlightSnippets()} {
		t.Run(checker.product, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, r := range rules.All() {
				for _, x := range r.Doc.Fixes {
					if x.Product == checker.product && x.Command != "" && !seen[x.Command] {
						bed.check(t, checker, r.ID, x)
						seen[x.Command] = true
					}
				}
			}
			if len(seen) == 0 {
				t.Error("no page has a command for it")
			}
		})
	}
}

// TestSnippetsCanFail gives each program a line that it must refuse.
func TestSnippetsCanFail(t *testing.T) {
	bed := newSnippetBed(t)
	for _, checker := range []snippetChecker{nginxSnippets(), haproxySnippets(), apacheSnippets(), fanlightSnippets()} {
		if err := bed.fits(checker, []string{checker.wrong}); err == nil {
			t.Errorf("%s takes %q", checker.product, checker.wrong)
		}
	}
}

// snippetChecker knows how a product's program judges a configuration.
type snippetChecker struct {
	product  string
	contexts []string // where a line may stand: places <name> in the frame
	frame    string
	file     string   // of the configuration, in the bed
	command  []string // that judges it
	warnings []string // words that make a fault of what the program lets pass
	shell    []string // first words of lines that are commands
	newer    []newer
	wrong    string // a line that it must refuse
}

// newer is what the installed program is too old for, or not the edition: the
// page has to say so.
type newer struct{ line, said string }

// check tries the lines of a fix one by one.
func (b *snippetBed) check(t *testing.T, c snippetChecker, id string, x explain.Fix) {
	t.Helper()
	lines := slices.DeleteFunc(statements(x.Command), func(s string) bool {
		return slices.Contains(c.shell, strings.Fields(s)[0])
	})
	for _, n := range c.newer {
		if said := x.Text + x.Product + x.Command; strings.Contains(x.Command, n.line) && !strings.Contains(said, n.said) {
			t.Errorf("%s: %q is not to be had everywhere, and the page does not say %q", id, n.line, n.said)
		}
	}
	lines = slices.DeleteFunc(lines, func(s string) bool {
		return slices.ContainsFunc(c.newer, func(n newer) bool { return strings.Contains(s, n.line) })
	})
	if len(lines) == 0 {
		return
	}
	if err := b.fits(c, lines); err != nil {
		t.Errorf("%s: %s: %v", id, c.product, err)
	}
}

// fits tells why the program refuses lines, nil if it takes all of them,
// together in one context or one by one.
func (b *snippetBed) fits(c snippetChecker, lines []string) error {
	for _, at := range c.contexts {
		if b.judge(c, map[string]string{at: strings.Join(lines, "\n") + "\n"}) == "" {
			return nil
		}
	}
	placed := map[string]string{}
	for _, line := range lines {
		var faults []string
		for _, at := range c.contexts {
			before := placed[at]
			placed[at] = before + line + "\n"
			fault := b.judge(c, placed)
			if fault == "" {
				faults = nil
				break
			}
			placed[at] = before
			faults = append(faults, fmt.Sprintf("in %s: %s", at, fault))
		}
		if faults != nil {
			return fmt.Errorf("refuses %q\n%s", line, strings.Join(faults, "\n"))
		}
	}
	return nil
}

// judge writes the frame with what is placed in it and runs the program; "" if
// it finds nothing wrong.
func (b *snippetBed) judge(c snippetChecker, placed map[string]string) string {
	text := c.frame
	for _, at := range c.contexts {
		text = indented(text, at, placed[at])
	}
	if err := os.WriteFile(filepath.Join(b.dir, c.file), []byte(text), 0o600); err != nil {
		return err.Error()
	}
	out, err := b.within(c.command...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	for _, word := range c.warnings {
		if strings.Contains(string(out), word) {
			err = cmp.Or(err, errors.New(word))
		}
	}
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error() + ": " + string(out))
}

// indented replaces the line that is the mark of a context, `<at>` or
// `<at|default>`, by lines with its indentation.
func indented(text, at, lines string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		indent, mark, _ := strings.Cut(line, "<")
		name, otherwise, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(mark), ">"), "|")
		if strings.TrimSpace(indent) != "" || name != at {
			b.WriteString(line)
			continue
		}
		for l := range strings.Lines(cmp.Or(lines, otherwise)) {
			b.WriteString(indent + strings.TrimSuffix(l, "\n") + "\n")
		}
	}
	return b.String()
}

// statements are the lines of a command that stand for themselves: what is
// indented, or between braces or tags, belongs to the line that opens it. An
// ellipsis stands for what the reader has.
func statements(command string) []string {
	var out []string
	depth := 0
	for line := range strings.Lines(strings.ReplaceAll(command, " ... ", " ")) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		closes := strings.HasPrefix(trimmed, "</") || trimmed == "}"
		if n := len(out); n > 0 && (depth > 0 || closes || line != trimmed) {
			out[n-1] += "\n" + line
		} else {
			out = append(out, line)
		}
		depth += strings.Count(line, "{") - strings.Count(line, "}")
	}
	return out
}

// snippetBed is a folder with the files that snippets name.
type snippetBed struct {
	t   *testing.T
	dir string
	pid int // of the process whose network and files the programs get
}

// snippetFiles are named by snippets; the content of a file is what its name
// says.
const snippetFiles = `
set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout site.key -out cert.pem -days 2 -subj /CN=app.example -addext basicConstraints=critical,CA:TRUE 2>/dev/null
cat cert.pem site.key > site.pem
for f in fullchain client origin-ca client-ca issuer intermediate ca all more-authorities client-and-key proxy-ca; do cp site.pem $f.pem; done
cp site.key client.key; echo secret > client.pw; cp client.pw pw
openssl pkcs12 -export -in cert.pem -inkey site.key -out client.pfx -passout pass:secret
cp client.pfx origin.pfx
openssl rand 80 > ticket.key
for i in 1 2 3; do openssl rand -base64 48; done > ticket.keys
mkdir certs; cp site.pem certs/
touch index.txt; echo 01 > crlnumber
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n' > ca.cnf
openssl ca -gencrl -config ca.cnf -cert cert.pem -keyfile site.key -crldays 2 -out client-ca.crl 2>/dev/null
printf '127.0.0.1 localhost\n192.0.2.20 app.internal app.example NAME old.internal mail.example\n' > hosts
mkdir public
`

func newSnippetBed(t *testing.T) *snippetBed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network of its own")
	}
	for _, name := range []string{"nginx", "haproxy", "apache2", "openssl", "unshare", "nsenter", "ip"} {
		program(t, name)
	}
	b := &snippetBed{t: t, dir: t.TempDir()}
	cmd := exec.Command("sh", "-c", snippetFiles)
	cmd.Dir = b.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make the files that snippets name: %v\n%s", err, out)
	}
	b.place()
	return b
}

// place starts a process in a network and a view of the files of its own, in
// which the addresses and files of the snippets are there: the folder stands in
// for those of the servers' configurations.
func (b *snippetBed) place() {
	b.t.Helper()
	const script = `set -e
ip link set lo up
ip addr add 192.0.2.0/24 dev lo
ip addr add 10.0.0.0/24 dev lo
for d in nginx haproxy apache2; do mount --bind . /etc/$d; done
mount --bind hosts /etc/hosts
echo ready
exec cat`
	cmd := exec.Command(program(b.t, "unshare"), "--net", "--mount", "sh", "-c", script)
	cmd.Dir = b.dir
	in, err := cmd.StdinPipe()
	must(b.t, err)
	out, err := cmd.StdoutPipe()
	must(b.t, err)
	must(b.t, cmd.Start())
	b.t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.t.Fatalf("make a place for the snippets: %q, %v", line, err)
	}
	b.pid = cmd.Process.Pid
}

// within runs a program in that place.
func (b *snippetBed) within(command ...string) *exec.Cmd {
	in := []string{"--target", strconv.Itoa(b.pid), "--net", "--mount", "sh", "-c", `cd /etc/haproxy && exec timeout 20 "$@"`, "sh"}
	cmd := exec.Command("nsenter", append(in, command...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin:"+os.Getenv("PATH"))
	return cmd
}

func nginxSnippets() snippetChecker {
	c := nginxHTTPSnippets()
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(module); err == nil {
		c.frame = "load_module " + module + ";\n" + c.frame + nginxStream
		c.contexts = append(c.contexts, "stream-server", "stream")
		return c
	}
	// Debian has that module in a package of its own.
	for _, line := range []string{"stream {", "proxy_protocol off", "ssl_alpn", "server { listen 192.0.2.10:443; proxy_pass"} {
		c.newer = append(c.newer, newer{line, "stream"})
	}
	return c
}

const nginxStream = `stream {
  server {
    listen 127.0.0.1:82 ssl;
    proxy_pass 192.0.2.20:443;
    ssl_certificate /etc/nginx/site.pem;
    ssl_certificate_key /etc/nginx/site.key;
    <stream-server>
  }
  <stream>
}
`

func nginxHTTPSnippets() snippetChecker {
	return snippetChecker{
		product:  "nginx",
		contexts: []string{"location", "server", "upstream", "http", "main"},
		frame: `<main>
events {}
pid nginx.pid;
error_log stderr;
http {
  map $http_x $origin_of_map { default ""; }
  proxy_cache_path cache keys_zone=any:1m;
  upstream given {
    server 192.0.2.30:443;
    <upstream>
  }
  ssl_certificate /etc/nginx/site.pem;
  ssl_certificate_key /etc/nginx/site.key;
  <http>
  server {
    listen 127.0.0.1:81 ssl;
    <server>
    location / {
      <location|proxy_pass https://given;>
    }
  }
}
`,
		file:    "snippet-nginx.conf",
		command: []string{"nginx", "-t", "-q", "-p", "/etc/nginx/", "-c", "snippet-nginx.conf"},
		shell:   []string{"nginx"},
		newer: []newer{
			{"http2 on;", "1.25.1"}, {"http2 off;", "1.25.1"}, {"resolve;", "1.27.3"},
			{"http3 on;", "1.25"}, {"quic reuseport", "1.25"},
		},
		wrong: "proxy_no_such_thing on;",
	}
}

func haproxySnippets() snippetChecker {
	return snippetChecker{
		product:  "HAProxy",
		contexts: []string{"frontend", "backend", "global", "tcp-frontend", "top"},
		frame: `global
  log stderr local0
  <global>
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
<top>
frontend front
  bind 127.0.0.1:81
  <frontend>
  default_backend back
backend back
  <backend>
  server given 192.0.2.20:443
frontend tcp-front
  mode tcp
  bind 127.0.0.1:82
  <tcp-frontend>
  default_backend exchange
backend exchange
  mode tcp
  server given 192.0.2.20:443
`,
		file:     "snippet-haproxy.cfg",
		command:  []string{"haproxy", "-c", "-f", "snippet-haproxy.cfg"},
		warnings: []string{"ignored", "deprecated"},
		shell:    []string{"echo", "grep", "openssl", "cat", "systemctl", "haproxy"},
		newer:    []newer{{"quic4@", "QUIC"}},
		wrong:    "http-request no-such-action",
	}
}

func apacheSnippets() snippetChecker {
	modules := ""
	for _, name := range strings.Fields(`mpm_event authn_core authz_core authz_user alias headers rewrite ssl
		socache_shmcb proxy proxy_http proxy_wstunnel proxy_balancer lbmethod_byrequests slotmem_shm http2 remoteip
		reqtimeout cache cache_disk session session_cookie auth_gssapi security2 env setenvif unique_id dir mime`) {
		modules += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", name, name)
	}
	return snippetChecker{
		product:  "Apache",
		contexts: []string{"host", "location", "server", "balancer"},
		frame: modules + `PidFile apache.pid
ServerRoot /etc/apache2
ServerName app.example
ErrorLog /dev/stderr
Listen 127.0.0.1:81
SSLStaplingCache shmcb:/etc/apache2/stapling-of-frame(65536)
<server>
<VirtualHost 127.0.0.1:81>
  SSLEngine on
  SSLCertificateFile /etc/apache2/site.pem
  SSLCertificateKeyFile /etc/apache2/site.key
  <host>
  <Location /there>
    <location>
  </Location>
  <Proxy balancer://given>
    <balancer>
  </Proxy>
</VirtualHost>
`,
		file:    "snippet-apache.conf",
		command: []string{"apache2", "-t", "-f", "/etc/apache2/snippet-apache.conf"},
		shell:   []string{"apachectl", "a2dissite", "systemctl", "grep", "klist", "kvno", "kadmin", "chown"},
		wrong:   "SSLNoSuchThing on",
	}
}

func fanlightSnippets() snippetChecker {
	return snippetChecker{
		product:  "Fanlight",
		contexts: []string{"origin", "route", "again", "third", "site", "bind", "certificate", "top"},
		frame: `<top>
console: off
sites:
  shop:
    <bind|bind: ["127.0.0.9:443 shop.test"]>
    <certificate|certificate: local>
    <site>
    routes:
      - path: /a
        <origin|to: https://192.0.2.97:443>
      - path: /b
        to: https://192.0.2.98:443
        <route>
      - path: /d
        to: https://192.0.2.99:443
        <again>
      - path: /c
        to: https://192.0.2.96:443
        <third>
`,
		file:    "snippet-fanlight.yaml",
		command: []string{fanlight, "check", "-c", "snippet-fanlight.yaml"},
		shell:   []string{"fanlight", "curl", "openssl", "GODEBUG=tlsmlkem=0"},
		wrong:   "tls: {nosuch: 1}",
	}
}
