package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// caddyVersion is the release that is built.
const caddyVersion = "v2.11.9"

// findCaddy builds Caddy once, through the Go module proxy, into the user's
// cache folder.
func findCaddy(b *bench) (program, version string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", err
	}
	folder := filepath.Join(cache, "fanlight-bench", "caddy-"+caddyVersion)
	program = filepath.Join(folder, "caddy")
	if _, err := os.Stat(program); err != nil {
		fmt.Fprintf(os.Stderr, "building caddy %s into %s\n", caddyVersion, folder)
		ctx, cancel := context.WithTimeout(b.ctx, 15*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "install", "github.com/caddyserver/caddy/v2/cmd/caddy@"+caddyVersion)
		cmd.Env = append(os.Environ(), "GOBIN="+folder, "CGO_ENABLED=0")
		cmd.Dir = b.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("build caddy: %w: %.300s", err, bytes.TrimSpace(out))
		}
	}
	return program, caddyVersion, nil
}

// startCaddy runs Caddy with as many kept connections as the
// others have.
func startCaddy(b *bench, program string, r route) (*process, error) {
	tls := ""
	if r.scheme == "https" {
		tls = fmt.Sprintf("tls_trust_pool file %s\n      tls_server_name %s", r.cert.file, benchName)
	}
	http2 := ""
	if r.http2 {
		http2 = " h2"
	}
	conf, err := b.write(r.name+".caddyfile", `{
  admin off
  auto_https off
  persist_config off
  log {
    level ERROR
  }
  servers {
    protocols h1%[9]s
  }
}
https://%[1]s, https://%[2]s:%[3]s {
  tls %[4]s %[5]s
  reverse_proxy %[6]s://%[7]s {
    transport http {
      keepalive_idle_conns_per_host %[10]d
      %[8]s
    }
  }
}
`, r.listen, benchName, portOf(r.listen), r.cert.file, r.cert.key, r.scheme, r.origin, tls, http2, r.keeps())
	if err != nil {
		return nil, err
	}
	home := filepath.Join(b.dir, r.name)
	// Whatever its options say, it puts the root of a CA nobody asked for into
	// the system's store; without a PATH it finds no tool to do it with.
	env := append([]string{"PATH=" + home, "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}, oneThread...)
	return b.start(r.name, serverCPU, env, program, "run", "--config", conf, "--adapter", "caddyfile")
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}
