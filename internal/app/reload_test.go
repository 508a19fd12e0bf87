package app_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"fanlight/internal/app"
	"fanlight/internal/testnet"
)

// changed is what the API says of a change.
type changed struct {
	Type, Of, Name, Action, Why       string
	Parts                             []string
	Unchanged, Opened, Closed, Faulty int
	Changed                           int
	Applied                           bool
}

func (c changed) String() string {
	return strings.TrimSpace(c.Of + " " + c.Name + " " + c.Action + " " + strings.Join(c.Parts, " "))
}

// reload has the door read a changed file and gives what it says, the changes
// as lines.
func (d *door) reload(text string, pairs ...string) (lines []string, sum changed) {
	d.t.Helper()
	d.rewrite(text, pairs...)
	var items []changed
	must(d.t, d.call(http.MethodPost, "/api/reload", nil, &items))
	for _, c := range items[:len(items)-1] {
		lines = append(lines, c.String())
	}
	return lines, items[len(items)-1]
}

// rewrite puts another text into the file of the configuration.
func (d *door) rewrite(text string, pairs ...string) {
	d.t.Helper()
	text = strings.NewReplacer(append([]string{"$PORT", d.port}, pairs...)...).Replace(text)
	write(d.t, d.path, "console: \"off\"\naccess_log: \"off\"\n"+text)
}

const twoSites = `
sites:
  one:
    bind: ["127.0.0.2:$PORT one.test"]
    routes: [{path: /, to: "http://$ECHO"}]
  two:
    bind: ["127.0.0.2:$PORT two.test"]
    routes: [{path: /, to: "http://$ECHO"}]
`

// A reload opens, changes and closes sites. The connection, the WebSocket, the
// tickets and the origin connections of a site that stays are not touched, and
// a connection of a changed one goes on under what the file says now.
func TestReload(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := []string{"$ECHO", echo.Addr}
	d := serve(t, twoSites, pairs...)
	one, two := d.client("one.test"), d.client("two.test")
	for _, c := range []*http.Client{one, two} {
		expect(t, c, "/", 200)
	}
	next := `
sites:
  one:
    bind: ["127.0.0.2:$PORT one.test"]
    routes: [{path: /, to: "http://$ECHO"}]
  two:
    bind: ["127.0.0.2:$PORT two.test"]
    response_headers: {set: {X-Generation: "2"}}
    routes: [{path: /, to: "http://$ECHO"}]
  three:
    bind: ["127.0.0.3:$PORT three.test"]
    routes: [{path: /, files: www}]
`
	lines, sum := d.reload(next, pairs...)
	want := []string{"site two change response_headers", "site three open", "address 127.0.0.3:" + d.port + " open"}
	if !slices.Equal(lines, want) || sum.Unchanged != 1 || sum.Opened != 1 || sum.Changed != 1 || !sum.Applied {
		t.Errorf("changes %q, %+v, want %q", lines, sum, want)
	}
	expect(t, one, "/", 200)
	if got := expect(t, two, "/", 200).Get("X-Generation"); got != "2" {
		t.Errorf("a connection of a changed site goes on with X-Generation %q", got)
	}
	if n := d.Metrics().Connections.Load(); n != 2 {
		t.Errorf("two clients made %d connections", n)
	}
	if n := echo.Count(testnet.Opened); n != 2 {
		t.Errorf("%d connections to the origin, want the 2 from before", n)
	}

	lines, sum = d.reload(twoSites, pairs...)
	want = []string{"site two change response_headers", "site three close", "address 127.0.0.3:" + d.port + " close"}
	if !slices.Equal(lines, want) || sum.Closed != 1 {
		t.Errorf("changes %q, %+v, want %q", lines, sum, want)
	}
	until(t, "the site that was taken out to end", func() bool { return d.Sites().Get("three") == nil })
	if lines, sum = d.reload(twoSites, pairs...); len(lines) != 0 || sum.Unchanged != 2 {
		t.Errorf("a file that is the same leads to %q, %+v", lines, sum)
	}
}

// expect makes a request and gives the head of its answer.
func expect(t *testing.T, c *http.Client, path string, status int) http.Header {
	t.Helper()
	host := c.Transport.(*http.Transport).TLSClientConfig.ServerName
	res, err := c.Get("https://" + host + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 1<<10)
	for {
		if _, err := res.Body.Read(buf); err != nil {
			break
		}
	}
	if res.StatusCode != status {
		t.Fatalf("%s%s: status %d, want %d", host, path, res.StatusCode, status)
	}
	return res.Header
}

// A file that cannot be used changes nothing; a site that cannot be used goes
// on as it was, and says so; a new one fails alone.
func TestReloadFaults(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := []string{"$ECHO", echo.Addr}
	d := serve(t, twoSites, pairs...)
	one, two := d.client("one.test"), d.client("two.test")

	d.rewrite("sites: {one: {bind: [}\n")
	err := d.call(http.MethodPost, "/api/reload", nil, nil)
	var refused *app.Refused
	if !errors.As(err, &refused) || refused.Kind != "configuration" || len(refused.Faults) == 0 {
		t.Fatalf("reload of a broken file gives %v", err)
	}
	var fault struct {
		File, Message, Report string
		Line                  int
	}
	must(t, json.Unmarshal(refused.Faults[0], &fault))
	if fault.Line != 3 || fault.Message == "" || !strings.Contains(fault.Report, "^") {
		t.Errorf("fault %+v", fault)
	}
	expect(t, one, "/", 200)

	bad := strings.Replace(twoSites, `two.test"]
    routes`, `two.test"]
    rutes`, 1) + `  three:
    bind: ["127.0.0.2:$PORT three.test"]
    certificate: {file: missing.pem}
    routes: [{path: /, files: www}]
  four:
    bind: ["127.0.0.2:$PORT two.test"]
    routes: [{path: /, files: www}]
`
	lines, sum := d.reload(bad, pairs...)
	want := []string{"site two keep", "site three fail", "site four fail"}
	if !slices.Equal(lines, want) || sum.Faulty != 3 || sum.Unchanged != 1 {
		t.Errorf("changes %q, %+v, want %q", lines, sum, want)
	}
	expect(t, one, "/", 200)
	expect(t, two, "/", 200)
	if got := d.Site("two"); got.State != "serving" || !strings.Contains(got.Reason, "rutes") {
		t.Errorf("a site with its former configuration is shown as %+v", got)
	}
	if got := d.Site("three"); got.State != "failed" || !strings.Contains(got.Reason, "missing.pem") {
		t.Errorf("a new site that cannot be used is shown as %+v", got)
	}

	if lines, sum = d.reload(twoSites, pairs...); sum.Faulty != 0 || sum.Unchanged != 2 {
		t.Errorf("the mended file leads to %q, %+v", lines, sum)
	}
	if got := d.Site("two"); got.Reason != "" {
		t.Errorf("a mended site is shown as %+v", got)
	}
}

// A site that moves to an address that cannot be had stays, and with it its
// names, though another site was to get them.
func TestReloadOfMoveThatFails(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := []string{"$ECHO", echo.Addr}
	d := serve(t, twoSites, pairs...)
	two := d.client("two.test")
	expect(t, two, "/", 200)
	lines, _ := d.reload(`
sites:
  a-new-one:
    bind: ["127.0.0.2:$PORT one.test"]
    routes: [{path: /, files: www}]
  one:
    bind: ["127.0.0.2:$PORT two.test"]
    routes: [{path: /, files: www}]
  two:
    bind: ["192.0.2.1:$PORT two.test"]
    routes: [{path: /, to: "http://$ECHO"}]
`, pairs...)
	if want := []string{"site a-new-one fail", "site one keep", "site two keep"}; !slices.Equal(lines, want) {
		t.Errorf("changes %q, want %q", lines, want)
	}
	two.CloseIdleConnections()
	expect(t, two, "/", 200)
	expect(t, d.client("one.test"), "/", 200)
	lines, _ = d.reload(twoSites, pairs...)
	if len(lines) != 0 {
		t.Errorf("the file from before leads to %q", lines)
	}
}

// A configuration that is no file any more, or not written yet, changes nothing,
// and leaves nothing waiting.
func TestReloadOfWhatIsNoFile(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, twoSites, "$ECHO", echo.Addr)
	for name, replace := range map[string]func() error{
		"no regular file": func() error { return os.Mkdir(d.path, 0o700) },
		"is empty":        func() error { return os.WriteFile(d.path, nil, 0o600) },
		"no such file":    func() error { return nil },
	} {
		must(t, os.RemoveAll(d.path))
		must(t, replace())
		if err := d.call(http.MethodPost, "/api/reload", nil, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want that it %s, got %v", name, err)
		}
		expect(t, d.client("one.test"), "/", 200)
	}
	must(t, os.RemoveAll(d.path))
	d.reload(twoSites, "$ECHO", echo.Addr)
}

// holdingOrigin answers /held, which may be asked for once, when release is
// called, and all else at once. asked is closed when it was asked.
func holdingOrigin(t *testing.T) (origin *httptest.Server, asked <-chan struct{}, release func()) {
	came, answer := make(chan struct{}), make(chan struct{})
	origin = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			close(came)
			<-answer
		}
	}))
	t.Cleanup(origin.Close)
	release = sync.OnceFunc(func() { close(answer) })
	t.Cleanup(release)
	return origin, came, release
}

// A site that the file stops and starts again while an exchange of it goes on
// does not end up otherwise than the file says without a word.
func TestReloadTakesStopBack(t *testing.T) {
	origin, asked, release := holdingOrigin(t)
	pairs := []string{"$ECHO", origin.Listener.Addr().String()}
	d := serve(t, twoSites, pairs...)
	var held sync.WaitGroup
	held.Go(func() { expect(t, d.client("two.test"), "/held", 200) })
	<-asked
	d.reload(strings.Replace(twoSites, "  two:\n", "  two:\n    state: stopped\n", 1), pairs...)
	until(t, "the site to be drained", func() bool { return d.Site("two").State == "draining" })
	if lines, _ := d.reload(twoSites, pairs...); !slices.Equal(lines, []string{"site two wait"}) {
		t.Errorf("changes %q, want that the site waits", lines)
	}
	d.rewrite(strings.Replace(twoSites, "two.test\"]", "zwei.test\"]", 1), pairs...)
	var items []changed
	must(t, d.call(http.MethodPost, "/api/reload?dry_run=yes", nil, &items))
	if got := items[0].String(); got != "site two wait" {
		t.Errorf("a dry run says %q of a site that is drained", got)
	}
	release()
	held.Wait()
	until(t, "the site to be stopped", func() bool { return d.Site("two").State == "stopped" })
	if lines, _ := d.reload(twoSites, pairs...); !slices.Equal(lines, []string{"site two change state"}) || d.Site("two").State != "serving" {
		t.Errorf("changes %q, then the site is %s", lines, d.Site("two").State)
	}
}

// A site that is taken out and put back while an exchange of it goes on comes
// back when that is over, without another change of the file.
func TestWatchWaitsForSite(t *testing.T) {
	origin, asked, release := holdingOrigin(t)
	d, err := openWith(t, app.Options{Watch: true}, t.TempDir(), freePort(t), twoSites, "$ECHO", origin.Listener.Addr().String())
	must(t, err)
	var held sync.WaitGroup
	held.Go(func() { expect(t, d.client("two.test"), "/held", 200) })
	<-asked
	both := read(t, d.path)
	write(t, d.path, both[:strings.Index(both, "  two:")])
	until(t, "the site to be taken out", func() bool { return d.Site("two").Configured == "removed" })
	write(t, d.path, both+"# again\n")
	until(t, "the log to tell that it has to wait", func() bool { return strings.Contains(d.Site("two").Reason, "drained") })
	release()
	held.Wait()
	until(t, "the site to come back", func() bool { return d.Site("two").State == "serving" })
}

// What was stopped at run time stays so; what the file stops is stopped.
func TestReloadKeepsStops(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := []string{"$ECHO", echo.Addr}
	d := serve(t, twoSites, pairs...)
	d.order("one", "stop")
	changedOne := strings.Replace(twoSites, `one.test"]`, `one.test uno.test"]`, 1)
	lines, _ := d.reload(strings.Replace(changedOne, "  two:\n", "  two:\n    state: stopped\n", 1), pairs...)
	if want := []string{"site one change bind", "site two change state"}; !slices.Equal(lines, want) {
		t.Errorf("changes %q, want %q", lines, want)
	}
	until(t, "both to be stopped", func() bool { return d.Site("one").State == "stopped" && d.Site("two").State == "stopped" })
	if lines, _ = d.reload(changedOne, pairs...); d.Site("two").State != "serving" {
		t.Errorf("a site that the file starts again is %s after %q", d.Site("two").State, lines)
	}
	d.order("one", "start")
	uno := d.client("uno.test")
	expect(t, uno, "/", 200)
}

// A session ticket from before a reload is good after it, also where the site
// has changed.
func TestReloadKeepsTickets(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	pairs := []string{"$ECHO", echo.Addr}
	d := serve(t, twoSites, pairs...)
	two := d.client("two.test")
	transport := two.Transport.(*http.Transport)
	transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	expect(t, two, "/", 200)
	d.reload(strings.Replace(twoSites, `two.test"]`, `two.test"]
    response_headers: {set: {X-Generation: "2"}}`, 1), pairs...)
	transport.CloseIdleConnections()
	res, err := two.Get("https://two.test/")
	must(t, err)
	defer res.Body.Close()
	if !res.TLS.DidResume || res.Header.Get("X-Generation") != "2" {
		t.Errorf("resumed %v, X-Generation %q", res.TLS.DidResume, res.Header.Get("X-Generation"))
	}
}

// With a dry run nothing happens.
func TestReloadDryRun(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, twoSites, "$ECHO", echo.Addr)
	d.rewrite("recording: \"off\"\nsites:\n  one:\n    bind: [\"127.0.0.2:$PORT one.test\"]\n    routes: [{path: /, files: www}]\n")
	var items []changed
	must(t, d.call(http.MethodPost, "/api/reload?dry_run=yes", nil, &items))
	var lines []string
	for _, c := range items {
		lines = append(lines, c.String())
	}
	want := []string{"setting recording restart", "site one change routes", "site two close", ""}
	if !slices.Equal(lines, want) || items[len(items)-1].Applied {
		t.Errorf("changes %q, want %q", lines, want)
	}
	expect(t, d.client("two.test"), "/", 200)
}
