package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var reloadColumns = []column{
	{"failed requests", "%.0f"},
	{"closed WebSockets", "%.0f"},
	{"requests", "%.0f"},
	{"reloads", "%.0f"},
	{"highest ms", "%.1f"},
}

const (
	// reloadPace leaves a peer the time to start its workers, on one core.
	reloadPace = 200 * time.Millisecond
	// reloadTimes the usual length is measured.
	reloadTimes = 2
)

// reloaded is a peer that reads its configuration again under load.
type reloaded struct {
	name string
	own  bool
	find func(b *bench) (program, version string, err error)
	// text is the configuration of a generation, which answers say.
	text func(r route, home string, generation int) string
	args func(conf string) []string
	// again has it read the file that was changed.
	again func(ctx context.Context, program, home string, p *process) error
}

// reloads has peers read a changed configuration over and over.
func reloads(b *bench) ([]subject, error) {
	cert, err := b.makeCertificate()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	origin, err := startEchoOrigin(b)
	if err != nil {
		return nil, fmt.Errorf("start origin: %w", err)
	}
	hup, usr2 := signalled(syscall.SIGHUP), signalled(userSignal)
	var out []subject
	for _, p := range []reloaded{
		{"nginx", false, installed("nginx", "-v"), nginxGeneration, func(c string) []string { return []string{"-e", "stderr", "-c", c} }, hup},
		{"haproxy", false, installed("haproxy", "-v"), haproxyGeneration, func(c string) []string { return []string{"-W", "-db", "-f", c} }, usr2},
		{"caddy", false, findCaddy, caddyGeneration, func(c string) []string { return []string{"run", "--adapter", "caddyfile", "--config", c} }, caddyLoad},
		{"fanlight", true, buildFanlight, fanlightGeneration, func(c string) []string { return []string{"run", "-c", c} }, hup},
		{"fanlight, taken over", true, buildFanlight, fanlightGeneration, func(c string) []string { return []string{"run", "-c", c} }, fanlightUpgrade},
	} {
		s := subject{name: p.name, own: p.own}
		var program string
		program, s.version, s.missing = p.find(b)
		round := 0
		s.measure = func(ctx context.Context) ([]float64, error) {
			round++
			return p.measure(ctx, b, program, round, route{origin: origin, cert: cert})
		}
		out = append(out, s)
	}
	return out, nil
}

func (p reloaded) measure(ctx context.Context, b *bench, program string, round int, r route) ([]float64, error) {
	r.name = fmt.Sprintf("%s-%d", strings.NewReplacer(" ", "-", ",", "").Replace(p.name), round)
	home := filepath.Join(b.dir, r.name+"-home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return nil, err
	}
	var err error
	if r.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	conf, err := b.write(r.name+".conf", "%s", p.text(r, home, 0))
	if err != nil {
		return nil, err
	}
	env := append([]string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}, oneThread...)
	proc, err := b.start(r.name, serverCPU, env, program, p.args(conf)...)
	if err != nil {
		return nil, err
	}
	defer endUpgraded(home)
	defer proc.stop()
	if err := waitFor(ctx, proc, "https://"+r.listen+"/", r.cert); err != nil {
		return nil, err
	}
	watch, err := startWatch(ctx, r)
	if err != nil {
		return nil, err
	}
	times := int(reloadTimes * b.duration / reloadPace)
	for generation := 1; generation <= times && err == nil; generation++ {
		time.Sleep(reloadPace)
		if _, err = b.write(r.name+".conf", "%s", p.text(r, home, generation)); err == nil {
			err = p.again(ctx, program, home, proc)
		}
	}
	time.Sleep(reloadPace)
	seen := watch.end()
	if err != nil {
		return nil, err
	}
	if seen.generations < 2 {
		return nil, fmt.Errorf("no answer was of a changed configuration (%s)", proc.lastWords())
	}
	return []float64{float64(seen.failed), float64(seen.closed), float64(seen.requests), float64(times), seen.highest.Seconds() * 1e3}, nil
}

// signalled tells a program by a signal.
func signalled(sig syscall.Signal) func(context.Context, string, string, *process) error {
	return func(_ context.Context, _, _ string, p *process) error { return p.cmd.Process.Signal(sig) }
}

func nginxGeneration(r route, home string, generation int) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	return fmt.Sprintf(`daemon off; worker_processes 1; %s pid %[2]s/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path %[2]s/1; proxy_temp_path %[2]s/2; fastcgi_temp_path %[2]s/3; uwsgi_temp_path %[2]s/4; scgi_temp_path %[2]s/5;
  map $http_upgrade $join { default upgrade; '' ''; }
  upstream origin { server %[3]s; keepalive 64; }
  server {
    listen %[4]s ssl; ssl_certificate %[5]s; ssl_certificate_key %[6]s;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $join;
      add_header Generation %[7]d;
    }
  }
}
`, user, home, r.origin, r.listen, r.cert.file, r.cert.key, generation)
}

func haproxyGeneration(r route, _ string, generation int) string {
	return fmt.Sprintf(`global
  nbthread 1
  maxconn 1024
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend door
  bind %s ssl crt %s alpn http/1.1
  http-response set-header Generation %d
  default_backend origin
backend origin
  server origin %s
`, r.listen, r.cert.bundle, generation, r.origin)
}

func caddyGeneration(r route, home string, generation int) string {
	return fmt.Sprintf(`{
  admin unix/%[1]s/admin.sock
  auto_https off
  persist_config off
  skip_install_trust
  log {
    level ERROR
  }
  servers {
    protocols h1
  }
}
https://%[2]s, https://%[3]s:%[4]s {
  tls %[5]s %[6]s
  header Generation %[7]d
  reverse_proxy http://%[8]s
}
`, home, r.listen, benchName, portOf(r.listen), r.cert.file, r.cert.key, generation, r.origin)
}

func caddyLoad(ctx context.Context, program, home string, _ *process) error {
	conf := strings.TrimSuffix(home, "-home") + ".conf"
	cmd := exec.CommandContext(ctx, program, "reload", "--adapter", "caddyfile", "--config", conf, "--address", "unix/"+home+"/admin.sock")
	cmd.Env = append(os.Environ(), "HOME="+home)
	return spoken(cmd)
}

func fanlightGeneration(r route, home string, generation int) string {
	return fmt.Sprintf(`console: off
access_log: off
data: %[1]s
control: unix:%[1]s/door.sock
recording: {memory: 64MiB}
sites:
  bench:
    bind: ["%[2]s"]
    certificate: {file: %[3]s, key: %[4]s}
    response_headers: {set: {Generation: "%[5]d"}}
    routes: [{path: /, to: "http://%[6]s"}]
`, home, r.listen, r.cert.file, r.cert.key, generation, r.origin)
}

func fanlightUpgrade(ctx context.Context, program, home string, _ *process) error {
	cmd := exec.CommandContext(ctx, program, "upgrade", "--jsonl", "--control", filepath.Join(home, "door.sock"))
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := spoken(cmd); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "upgraded"), out.Bytes(), 0o600)
}

// spoken runs a command; its error holds what it said.
func spoken(cmd *exec.Cmd) error {
	var words bytes.Buffer
	cmd.Stderr = &words
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %.300s", filepath.Base(cmd.Path), cmd.Args[1], err, bytes.TrimSpace(words.Bytes()))
	}
	return nil
}

// endUpgraded ends the process that took over last, if one did.
func endUpgraded(home string) {
	raw, err := os.ReadFile(filepath.Join(home, "upgraded"))
	var done struct{ PID int }
	if err == nil && json.Unmarshal(raw, &done) == nil && done.PID > 1 {
		if p, err := os.FindProcess(done.PID); err == nil {
			_ = p.Signal(syscall.SIGTERM)
		}
	}
}

// startEchoOrigin answers requests with the body of the others, and gives back
// what comes over a WebSocket.
func startEchoOrigin(b *bench) (address string, err error) {
	if address, err = freeAddress(); err != nil {
		return "", err
	}
	body := bytes.Repeat([]byte("x"), bodySize)
	srv := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = w.Write(body) // who has gone is counted elsewhere
			return
		}
		echo(w, r)
	})}
	go func() { _ = srv.ListenAndServe() }() // what it cannot do, waitFor tells of
	b.onClose(func() { _ = srv.Close() })
	return address, nil
}
