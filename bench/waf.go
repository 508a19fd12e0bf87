package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// wafPeers judge requests by the Core Rule Set at paranoia level 1: nginx by
// Debian's version of it, the others by that of the program.
var wafPeers = []peer{
	{name: "nginx with ModSecurity", find: findModSecurity, start: startModSecurity},
	{name: "fanlight, plain Coraza", find: buildFanlight, start: fanlightSite("{memory: 64MiB}", "    waf: {mode: block, engine: coraza}")},
	{name: "fanlight", own: true, find: buildFanlight, start: fanlightSite("{memory: 64MiB}", "    waf: {mode: block}")},
	{name: openPeer, find: buildFanlight, start: fanlightWith("{memory: 64MiB}")},
}

// openPeer lets every request pass.
const openPeer = "fanlight without WAF"

const (
	modSecurity      = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"
	modSecurityRules = "/usr/share/modsecurity-crs/owasp-crs.load"
)

func findModSecurity(b *bench) (program, version string, err error) {
	program, version, err = installed("nginx", "-v")(b)
	for _, file := range []string{modSecurity, modSecurityRules} {
		if err == nil {
			_, err = os.Stat(file)
		}
	}
	packages, _ := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version} ", "libmodsecurity3", "modsecurity-crs").Output()
	return program, version + ", " + strings.TrimSpace(string(packages)), err
}

// startModSecurity runs nginx with the rule set and what comes with it, blocking.
func startModSecurity(b *bench, program string, r route) (*process, error) {
	rules, err := b.modSecurityRules(r.name)
	if err != nil {
		return nil, err
	}
	return nginxModular(b, program, r.name, serverCPU, r.most(), "load_module "+modSecurity+";",
		nginxProxy(r, "modsecurity on; modsecurity_rules_file "+rules+"; client_max_body_size 10m; client_body_buffer_size 256k;"))
}

// modSecurityRules is Debian's own way to load the rule set, without the
// directives that version 3 does not know, and with nothing logged of what passes.
func (b *bench) modSecurityRules(name string) (path string, err error) {
	return b.write(name+".rules", `Include /etc/nginx/modsecurity.conf
SecRuleEngine On
SecAuditEngine Off
SecResponseBodyAccess Off
SecRequestBodyNoFilesLimit 1048576
Include /etc/modsecurity/crs/crs-setup.conf
Include /usr/share/modsecurity-crs/rules/*.conf
`)
}

// wafRequest is a kind of request that a row is about.
type wafRequest struct {
	status int // that a WAF answers
	// script has wrk make requests; vary says that no two are alike.
	script func(vary bool) string
	// sample is one of them, for the look at what each subject answers.
	method, target, kind, body string
}

var wafColumns = []column{
	{"CPU us/request", "%.1f"},
	{"of the same request", "%.1f"},
	{"requests/s", "%.0f"},
	{"p99 ms", "%.2f"},
	{"core busy %", "%.0f"},
	{"memory MiB", "%.0f"},
}

func wafDoubt(medians []float64) string {
	if medians == nil {
		return ""
	}
	return proxiedDoubt(append([]float64{medians[0]}, medians[2:]...))
}

// wafRow has all peers judge requests of one kind: first such that differ, then
// always the same one.
func wafRow(make func() wafRequest) func(b *bench) ([]subject, error) {
	return func(b *bench) ([]subject, error) {
		r, err := b.routeTo("http")
		if err != nil {
			return nil, err
		}
		req := make()
		var files [2]string
		for i, name := range []string{"same.lua", "vary.lua"} {
			if files[i], err = b.write(name, "%s", req.script(i == 1)); err != nil {
				return nil, err
			}
		}
		return b.subjects(wafPeers, r, func(b *bench, p peer, r route) subject {
			return servedSubject(b, p, r, func(proc *process, url string) (func(context.Context) ([]float64, error), error) {
				want := req.status
				if p.name == openPeer {
					want = 200
				}
				took, err := req.answered(b.ctx, url, r.cert, want)
				if err != nil {
					return nil, err
				}
				// So that who takes a second for a request has some answered too.
				answers := 4 * time.Duration(req.clients()) * took
				same, vary := req.load(files[0], want), req.load(files[1], want)
				if _, err := vary(b.ctx, url, max(2*time.Second, answers)); err != nil {
					return nil, fmt.Errorf("warm up: %w", err)
				}
				return func(ctx context.Context) ([]float64, error) {
					varied, err := measureProxy(ctx, proc, url, max(b.duration, answers), vary)
					if err != nil {
						return nil, err
					}
					constant, err := measureProxy(ctx, proc, url, max(b.duration, answers), same)
					if err != nil {
						return nil, err
					}
					return append([]float64{varied[0], constant[0]}, varied[1:]...), nil
				}, nil
			})
		})
	}
}

// answered sends one request, sees that it is answered as wanted, and tells how
// long that took.
func (w wafRequest) answered(ctx context.Context, url string, cert certificate, status int) (time.Duration, error) {
	client, err := newClient(cert)
	if err != nil {
		return 0, err
	}
	defer client.CloseIdleConnections()
	client.Timeout = 30 * time.Second
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, w.method, strings.TrimSuffix(url, "/")+w.target, strings.NewReader(w.body))
	if err != nil {
		return 0, err
	}
	req.Host = benchName
	req.Header.Set("User-Agent", browser)
	req.Header.Set("Accept", "*/*")
	if w.kind != "" {
		req.Header.Set("Content-Type", w.kind)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		return 0, fmt.Errorf("it answers %s where others answer %d", res.Status, status)
	}
	return time.Since(began), nil
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"

// clients are fewer than in other rows, and fewer still where a request may take
// a second.
func (w wafRequest) clients() int {
	if w.body != "" {
		return 2
	}
	return 16
}

// load is by a script of wrk whose requests are all answered with one status.
func (w wafRequest) load(file string, status int) loader {
	return func(ctx context.Context, url string, d time.Duration) (load, error) {
		cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, "wrk", "-t1", fmt.Sprintf("-c%d", w.clients()),
			fmt.Sprintf("-d%ds", max(1, int(d.Seconds()))), "--timeout", "60s", "--latency", "-s", file, url)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return load{}, fmt.Errorf("run wrk: %w: %.200s", err, strings.TrimSpace(string(out)))
		}
		report := string(out)
		if status != 200 {
			refused := wrkRefused.FindStringSubmatch(report)
			requests := wrkRequests.FindStringSubmatch(report)
			if refused == nil || requests == nil || refused[1] != requests[1] {
				return load{}, errors.New("load saw requests pass that should not: " + wrkErrors.FindString(report))
			}
			report = wrkRefused.ReplaceAllString(report, "")
		}
		return parseWrk(report)
	}
}

var wrkRefused = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)

// luaRequests is a script of wrk: the method, the fields, and a function of a
// number that gives target and body.
func luaRequests(method, kind, make string, vary bool) string {
	step := 0
	if vary {
		step = 1
	}
	return fmt.Sprintf(`
local n = 1000000 + math.floor((os.time() * 7919) %% 900000) * %[5]d
local headers = {["Host"] = %[1]q, ["User-Agent"] = %[2]q, ["Accept"] = "*/*"}
if %[4]q ~= "" then headers["Content-Type"] = %[4]q end
%[6]s
request = function()
  n = n + %[5]d
  local target, body = make(n)
  return wrk.format(%[3]q, target, headers, body)
end
`, benchName, browser, method, kind, step, make)
}

func wafGet() wafRequest {
	return wafRequest{status: 200, method: "GET", target: "/search?q=red+shoes+42&page=7&sort=price", script: func(vary bool) string {
		return luaRequests("GET", "", `make = function(n) return string.format("/search?q=red+shoes+%d&page=%d&sort=price%d", n, n % 97, n % 13) end`, vary)
	}}
}

func wafAttack() wafRequest {
	return wafRequest{status: 403, method: "GET", target: "/search?q=1%27%20OR%20%271%27=%271&page=7&sort=price", script: func(vary bool) string {
		return luaRequests("GET", "", `make = function(n) return string.format("/search?q=%d%%27%%20OR%%20%%27%d%%27=%%27%d&page=%d&sort=price", n, n, n, n % 97) end`, vary)
	}}
}

// wafJSON is a document of 10 KB in which every tenth value is another one in
// each request.
func wafJSON() wafRequest {
	item := `{"id":%d,"name":"Blue running shoes","price":59.9,"note":"Delivered to the front door on Tuesday","tags":["summer","sale"]}`
	var b strings.Builder
	b.WriteString(`{"items":[`)
	for b.Len() < 10_000 {
		if b.Len() > 20 {
			b.WriteString(",")
		}
		b.WriteString(item)
	}
	b.WriteString("]}")
	return templated("application/json", "/api/orders", b.String())
}

// wafForm is a form of 100 KB: 200 fields with sentences in them.
func wafForm() wafRequest {
	sentence := "The+quick+brown+fox+jumps+over+the+lazy+dog+near+the+river+bank+every+morning+"
	var b strings.Builder
	for i := 0; b.Len() < 100_000; i++ {
		if i > 0 {
			b.WriteString("&")
		}
		fmt.Fprintf(&b, "field%d=%%d+%s", i, strings.Repeat(sentence, 6))
	}
	return templated(formType, "/profile", b.String())
}

const formType = "application/x-www-form-urlencoded"

// templated is a POST whose body has the request's number wherever %d stands.
func templated(kind, target, body string) wafRequest {
	return wafRequest{status: 200, method: "POST", target: target, kind: kind, body: strings.ReplaceAll(body, "%d", "1000007"), script: func(vary bool) string {
		return luaRequests("POST", kind, fmt.Sprintf("local template = %s\nmake = function(n) return %q, (template:gsub(\"%%%%d\", tostring(n))) end", luaText(body), target), vary)
	}}
}

// luaText writes a text for Lua, whose escapes are not those of Go.
func luaText(s string) string { return "[==[" + s + "]==]" }
