package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var wafStartColumns = []column{
	{"start s", "%.2f"},
	{"CPU s to start", "%.2f"},
	{"memory MiB", "%.0f"},
}

// wafStart measures from the start of the program until a request is answered.
func wafStart(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	return b.subjects(wafPeers, r, func(b *bench, p peer, r route) subject {
		s := subject{name: p.name, own: p.own}
		var program string
		program, s.version, s.missing = p.find(b)
		round := 0
		s.measure = func(ctx context.Context) ([]float64, error) {
			round++
			r.name = fmt.Sprintf("%s-%d", fileName(p.name), round)
			return measureStart(b, p, program, r)
		}
		return s
	})
}

func measureStart(b *bench, p peer, program string, r route) (values []float64, err error) {
	if r.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	began := time.Now()
	proc, err := p.start(b, program, r)
	if err != nil {
		return nil, err
	}
	defer proc.stop()
	if err := waitFor(b.ctx, proc, "https://"+r.listen+"/", r.cert); err != nil {
		return nil, err
	}
	took := time.Since(began)
	used, err := proc.cpu()
	return []float64{took.Seconds(), used.Seconds(), float64(proc.memory()) / (1 << 20)}, err
}

func fileName(name string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(name) }

var wafMemoryColumns = []column{
	{"MiB a further site", "%.2f"},
	{"with the same rules", "%.2f"},
	{"MiB with one site", "%.0f"},
}

// furtherSites is how many sites more are started.
const furtherSites = 10

// wafMemory compares a program with one site to one with ten more, each of
// which has an exclusion of its own, and to one with ten more of the same rules.
// Each site has answered some requests by then.
func wafMemory(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	kinds := []struct {
		peer
		start func(b *bench, program string, r route, addresses []string, own bool) (*process, error)
	}{
		{wafPeers[0], modSecuritySites},
		{wafPeers[1], fanlightSites(", engine: coraza")},
		{wafPeers[2], fanlightSites("")},
	}
	var subjects []subject
	for _, k := range kinds {
		s := subject{name: k.name, own: k.own}
		var program string
		program, s.version, s.missing = k.find(b)
		round := 0
		s.measure = func(ctx context.Context) ([]float64, error) {
			var held [3]float64
			for i, sites := range []int{1, 1 + furtherSites, 1 + furtherSites} {
				round++
				r.name = fmt.Sprintf("%s-%d", fileName(k.name), round)
				var err error
				held[i], err = memoryOf(b, r, sites, func(addresses []string) (*process, error) { return k.start(b, program, r, addresses, i == 1) })
				if err != nil {
					return nil, err
				}
			}
			return []float64{(held[1] - held[0]) / furtherSites, (held[2] - held[0]) / furtherSites, held[0]}, nil
		}
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// memoryOf starts a program with so many sites and gives its resident memory in
// MiB once each has answered.
func memoryOf(b *bench, r route, sites int, start func([]string) (*process, error)) (float64, error) {
	var addresses []string
	for range sites {
		address, err := freeAddress()
		if err != nil {
			return 0, err
		}
		addresses = append(addresses, address)
	}
	proc, err := start(addresses)
	if err != nil {
		return 0, err
	}
	defer proc.stop()
	client, err := newClient(r.cert)
	if err != nil {
		return 0, err
	}
	defer client.CloseIdleConnections()
	for _, address := range addresses {
		if err := waitFor(b.ctx, proc, "https://"+address+"/", r.cert); err != nil {
			return 0, err
		}
		for i := range 50 {
			if err := wafGet().again(b.ctx, client, "https://"+address+"/search?q=red+shoes+"+strconv.Itoa(i)+"&page=7&sort=price"); err != nil {
				return 0, err
			}
		}
	}
	time.Sleep(2 * time.Second) // for what is collected behind the start
	return float64(proc.memory()) / (1 << 20), nil
}

func (w wafRequest) again(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, w.method, url, nil)
	if err != nil {
		return err
	}
	req.Host = benchName
	req.Header.Set("User-Agent", browser)
	req.Header.Set("Accept", "*/*")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != w.status {
		return fmt.Errorf("answer was %s", res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func modSecuritySites(b *bench, program string, r route, addresses []string, own bool) (*process, error) {
	rules, err := b.modSecurityRules(r.name)
	if err != nil {
		return nil, err
	}
	var servers strings.Builder
	for i, address := range addresses {
		mine := ""
		if own {
			mine = fmt.Sprintf("modsecurity_rules 'SecRuleRemoveById %d';", 920100+i)
		}
		fmt.Fprintf(&servers, "server { listen %s ssl; %s modsecurity on; %s modsecurity_rules_file %s; location / { proxy_pass http://%s; } }\n",
			address, nginxTLS(r.cert), mine, rules, r.origin)
	}
	return nginxModular(b, program, r.name, serverCPU, 1024, "load_module "+modSecurity+";", servers.String())
}

func fanlightSites(engine string) func(b *bench, program string, r route, addresses []string, own bool) (*process, error) {
	return func(b *bench, program string, r route, addresses []string, own bool) (*process, error) {
		var sites strings.Builder
		for i, address := range addresses {
			mine := ""
			if own {
				mine = fmt.Sprintf(", exclude: [{rule: \"942100\", target: \"ARGS:comment%d\"}]", i)
			}
			fmt.Fprintf(&sites, "  s%d: {bind: [\"%s\"], certificate: {file: %s, key: %s}, waf: {mode: block%s%s}, routes: [{path: /, to: \"http://%s\"}]}\n",
				i, address, r.cert.file, r.cert.key, engine, mine, r.origin)
		}
		conf, err := b.write(r.name+".yaml", "console: off\naccess_log: off\ndata: %s\nrecording: {memory: 64MiB}\nsites:\n%s", filepath.Join(b.dir, r.name+"-data"), sites.String())
		if err != nil {
			return nil, err
		}
		return b.start(r.name, serverCPU, oneThread, program, "run", "-c", conf)
	}
}
