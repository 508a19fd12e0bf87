package app_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
	"fanlight/internal/testnet"
)

// outcome is what a user meets in a fault: the answer on the wire, the cause
// behind its incident, and what the door found.
type outcome struct {
	wire     string // the answer as it came
	ended    string // how the connection ended, if the answer is not whole
	cause    string
	findings []explain.Finding
}

// meet sends bytes to a site and reads the answer to one request.
func (d *door) meet(secure bool, request string) *outcome {
	d.t.Helper()
	raw, err := net.Dial("tcp", "127.0.0.2:"+d.port)
	must(d.t, err)
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(wait))
	c := raw
	if secure {
		c = tls.Client(raw, &tls.Config{ServerName: "app.test", RootCAs: d.roots()})
	}
	if _, err := io.WriteString(c, request); err != nil {
		d.t.Fatal(err)
	}
	return d.answer(c, request)
}

func (d *door) answer(c net.Conn, request string) *outcome {
	out := &outcome{}
	sees := &strings.Builder{}
	r := bufio.NewReader(io.TeeReader(c, sees))
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		if id := res.Header.Get("Fanlight-Incident"); id != "" {
			in, known := d.Incident(id)
			if !known || in.Status != res.StatusCode {
				d.t.Errorf("incident %s is not known, or of another status: %+v", id, in)
			}
			out.cause = in.Cause
		} else if res.StatusCode >= 500 {
			d.t.Errorf("a response of %d names no incident", res.StatusCode)
		}
	}
	if err != nil {
		out.ended = strings.TrimPrefix(err.Error(), c.RemoteAddr().String())
	}
	out.wire = sees.String()
	return out
}

// text writes an outcome for a golden file.
func (o *outcome) text(n *normaliser) string {
	var b strings.Builder
	for line := range strings.Lines(string(n.header([]byte(o.wire)))) {
		fmt.Fprintln(&b, strings.TrimRight("< "+line, " \r\n"))
	}
	say := func(what, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s: %s\n", what, spans.ReplaceAllString(n.text(text), "? ms"))
		}
	}
	say("ended", o.ended)
	say("cause", o.cause)
	for _, f := range o.findings {
		say(fmt.Sprintf("finding %s (%s, %s)", f.ID, f.Severity, f.Confidence), f.Cause)
	}
	return b.String()
}

// spans are measured times in a sentence; limits are written without a blank.
var spans = regexp.MustCompile(`\b\d[\d.]* (?:us|ms|s)\b`)

// faultGolden compares an outcome with that in testdata/stories.
func (d *door) faultGolden(name string, trace *flow.Trace, o *outcome) {
	d.t.Helper()
	for _, f := range d.Explain(trace) {
		if !f.Undecided {
			o.findings = append(o.findings, f)
		}
	}
	n := d.normaliser(trace)
	for _, c := range trace.Conns { // learns incidents
		n.events(c.Events)
	}
	testnet.Golden(d.t, filepath.Join("..", "..", "testdata", "stories", "faults.txtar#"+name), o.text(n))
}

// expectFindings holds that these causes and no others are in the record, and
// that the door told of them.
func (d *door) expectFindings(want ...string) {
	d.t.Helper()
	slices.Sort(want)
	trace := d.quiet()
	if got := idsOf(d.Explain(trace)); !slices.Equal(got, want) {
		d.t.Fatalf("findings are %q, want %q; the record:\n%s", got, want, trace)
	}
	d.findings(want...)
}

const get = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"
