package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fanlight/internal/balance"
	"fanlight/internal/flow"
	"fanlight/internal/origin"
	"fanlight/internal/waf"
)

// deed is one exchange that must be the same whatever carries it.
type deed struct {
	name    string
	method  string
	path    string
	body    string
	unsized bool // the body's length is not said
	header  http.Header
	trailer http.Header
}

func deeds() []deed {
	large := strings.Repeat("0123456789abcdef", 200_000)
	return []deed{
		{name: "GET", method: "GET", path: "/echo?q=a%20b"},
		{name: "fields", method: "GET", path: "/echo", header: http.Header{"X-Two": {"1", "2"}, "Cookie": {"a=b; c=d"}, "X-Empty": {""}}},
		{name: "POST with a length", method: "POST", path: "/echo", body: "hello"},
		{name: "POST without", method: "POST", path: "/echo", body: "hello", unsized: true},
		{name: "POST of nothing", method: "POST", path: "/echo"},
		{name: "PUT, large", method: "PUT", path: "/echo", body: large},
		{name: "PUT, large, no length", method: "PUT", path: "/echo", body: large, unsized: true},
		{name: "large response", method: "GET", path: "/large"},
		{name: "HEAD", method: "HEAD", path: "/sized"},
		{name: "GET with a length", method: "GET", path: "/sized"},
		{name: "204", method: "GET", path: "/204"},
		{name: "304", method: "GET", path: "/304"},
		{name: "103", method: "GET", path: "/103"},
		{name: "trailers of the response", method: "GET", path: "/trailers"},
		{name: "trailers of the request", method: "POST", path: "/echo", body: "hello", unsized: true, trailer: http.Header{"X-Sum": {"42"}}},
		{name: "early response", method: "POST", path: "/early", body: large},
		{name: "early response, no length", method: "POST", path: "/early", body: large, unsized: true},
		{name: "cut with a length", method: "GET", path: "/cut-sized"},
		{name: "cut", method: "GET", path: "/cut"},
		{name: "no response", method: "POST", path: "/abort", body: "hello"},
		{name: "OPTIONS", method: "OPTIONS", path: "/echo"},
		{name: "a method of its own", method: "PROPFIND", path: "/echo"},
	}
}

// play is the origin of all deeds.
func play(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/large":
		_, _ = io.Copy(w, strings.NewReader(strings.Repeat("0123456789abcdef", 300_000)))
	case "/sized":
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "sized")
	case "/204":
		w.WriteHeader(204)
	case "/304":
		w.Header().Set("Etag", `"x"`)
		w.WriteHeader(304)
	case "/103":
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
		w.Header().Del("Link")
		w.WriteHeader(200)
		_, _ = io.WriteString(w, "after")
	case "/trailers":
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
	case "/early":
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(413)
		_, _ = io.WriteString(w, "early")
	case "/cut-sized":
		w.Header().Set("Content-Length", "10")
		cut(w)
	case "/cut":
		cut(w)
	case "/abort":
		panic(http.ErrAbortHandler)
	default:
		playEcho(w, r)
	}
}

func cut(w http.ResponseWriter) {
	_, _ = io.WriteString(w, "half.")
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func playEcho(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s body %d %v err %v", r.Method, r.RequestURI, r.Host, len(body), bytes.Count(body, []byte("0123456789abcdef")), err)
	for _, name := range []string{"X-Two", "Cookie", "X-Empty", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Te", "Connection"} {
		if v, found := r.Header[name]; found {
			fmt.Fprintf(&b, "\n%s: %q", name, v)
		}
	}
	fmt.Fprintf(&b, "\ntrailer %v", r.Trailer)
	_, _ = io.WriteString(w, b.String())
}

// visitor is a client of one version.
func (d *door) visitor(two bool) *http.Client {
	config := d.tlsConfig("app.test")
	tr := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols),
		DisableCompression: true}
	tr.Protocols.SetHTTP1(!two)
	tr.Protocols.SetHTTP2(two)
	dial := &tls.Dialer{Config: config}
	if two {
		config.NextProtos = []string{"h2"}
	}
	tr.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial.DialContext(ctx, network, d.addrs["tls"].String())
	}
	d.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// do plays a deed and tells what the client saw.
func (x deed) do(client *http.Client) string {
	var interim []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		interim = append(interim, strconv.Itoa(code)+" "+h.Get("Link"))
		return nil
	}}
	var body io.Reader
	if x.body != "" {
		body = strings.NewReader(x.body)
		if x.unsized {
			body = io.MultiReader(body)
		}
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), x.method, "https://app.test"+x.path, body)
	if err != nil {
		return err.Error()
	}
	for name, values := range x.header {
		req.Header[name] = values
	}
	req.Trailer = x.trailer
	res, err := client.Do(req)
	if err != nil {
		return "no response"
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if len(got) > 1000 {
		got = fmt.Appendf(nil, "%d bytes", len(got))
	}
	out := fmt.Sprintf("%d %v\n%s", res.StatusCode, interim, got)
	if err != nil {
		out += "\ncut"
	}
	if res.StatusCode >= 500 {
		out = strconv.Itoa(res.StatusCode) // the page names an incident
	}
	for _, name := range []string{"Content-Type", "Etag", "X-Sum", "Link"} {
		if v := res.Header.Get(name); v != "" && res.StatusCode < 500 {
			out += "\n" + name + ": " + v
		}
	}
	if x.method == "HEAD" {
		out += fmt.Sprintf("\nlength %d", res.ContentLength)
	}
	return out + fmt.Sprintf("\ntrailer %v", res.Trailer)
}

// TestMatrix checks that an exchange is the same in all four combinations of
// HTTP/1.1 and HTTP/2, for the client, the origin and the record.
func TestMatrix(t *testing.T) {
	saw := map[string]map[string]string{} // by deed and combination
	facts := map[string]string{}          // by combination
	policy := waf.Defaults()
	policy.Responses, policy.Partial = true, true
	watching := &Protection{Engine: &judge{wants: true}, Policy: policy}
	for _, combination := range []struct {
		name        string
		client, far bool
		waf         *Protection
	}{{"1>1", false, false, nil}, {"1>2", false, true, nil}, {"2>1", true, false, nil}, {"2>2", true, true, nil},
		{"1>waf>1", false, false, watching}, {"1>waf>2", false, true, watching}, {"2>waf>1", true, false, watching}, {"2>waf>2", true, true, watching}} {
		t.Run(combination.name, func(t *testing.T) {
			d := newDoor(t)
			protocol := "http/1.1"
			if combination.far {
				protocol = "h2"
			}
			o := goOrigin(t, d, play, protocol)
			o.HTTP = origin.Auto
			d.site(&Site{Name: "app", Routes: []Route{{Prefix: "/", Origins: balance.Of(o), WAF: combination.waf}}}, "app.test")
			client := d.visitor(combination.client)
			for _, x := range deeds() {
				got := x.do(client)
				if saw[x.name] == nil {
					saw[x.name] = map[string]string{}
				}
				saw[x.name][combination.name] = got
			}
			client.CloseIdleConnections()
			o.Close()
			trace := d.settled(func(trace *flow.Trace) bool {
				all := 0
				for _, c := range trace.Conns {
					all += len(c.Exchanges)
				}
				// A connection whose exchange ends last, behind an early response, may
				// not be in the record yet when all others are over.
				return over(trace) && all >= 2*len(deeds())
			})
			check2(t, trace, combination.client, combination.far)
			facts[combination.name] = recorded(trace)
		})
	}
	for _, x := range deeds() {
		want := saw[x.name]["1>1"]
		for _, other := range []string{"1>2", "2>1", "2>2", "1>waf>1", "1>waf>2", "2>waf>1", "2>waf>2"} {
			if got := saw[x.name][other]; got != want {
				t.Errorf("%s, %s: got\n%s\nwant, as with 1>1,\n%s", x.name, other, got, want)
			}
		}
	}
	for name, got := range facts {
		if want := facts["1>1"]; got != want {
			t.Errorf("%s is recorded as\n%s\nwant, as 1>1,\n%s", name, got, want)
		}
	}
}

// recorded tells what the record knows of both legs of all exchanges, in the
// order they began.
func recorded(trace *flow.Trace) string {
	var all []*flow.Exchange
	for _, c := range trace.Conns {
		all = append(all, c.Exchanges...)
	}
	slices.SortStableFunc(all, func(a, b *flow.Exchange) int { return a.Started.Compare(b.Started) })
	var b strings.Builder
	for _, x := range all {
		fmt.Fprintf(&b, "%v %s %s %d %s", x.Parent != 0, x.Method, x.Target, x.Status, x.Outcome)
		if x.Outcome == flow.Complete && x.Target != "/early" && x.Status != 502 { // else how much went depends on who is quick
			fmt.Fprintf(&b, " sent %d got %d", x.RequestBodyBytes, x.ResponseBodyBytes)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// check2 expects that every exchange is recorded once on each side, in its
// version, and with an outcome.
func check2(t *testing.T, trace *flow.Trace, client, far bool) {
	t.Helper()
	legs := 0
	version := map[bool]string{false: "1.1", true: "2"}
	for _, c := range trace.Conns {
		two := client
		if c.Self == flow.Client {
			two = far
			legs += len(c.Exchanges)
		}
		for _, x := range c.Exchanges {
			if x.HTTP != version[two] || x.Outcome == "" || two != (x.Stream > 0) {
				t.Errorf("%s %s is recorded as HTTP %s, stream %d, %q", x.Method, x.Target, x.HTTP, x.Stream, x.Outcome)
			}
		}
	}
	if want := len(deeds()); legs < want {
		t.Errorf("%d exchanges with the origin, want %d", legs, want)
	}
}
