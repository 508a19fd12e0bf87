package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/explain/score"
	"fanlight/internal/testnet"
)

// A liveFault is a fault of the catalogue that is injected into a running door.
type liveFault struct {
	rule   string
	fault  string // what is injected, in words
	inject func(*live)
	also   []string // what is true of it as well, and is said beside it
	alone  bool     // it changes the rights of its thread, or needs quiet
	timed  bool     // it consists of exact times, which a busy machine may not keep
}

// live is a door into which a fault is injected, and whom the operator asks
// about it.
type live struct {
	*door
	ask string // incident or connection; empty: what was found lately
}

// TestLiveRules injects each fault that a door can see into a running one, and
// asks the door with `fanlight why`: it must name the rule that names the same
// fault in a capture, and no other cause. Rules that no door can see are listed
// with the reason. With -v it prints the list.
func TestLiveRules(t *testing.T) {
	answerNames(t)
	command := buildCommand(t)
	results := make([]liveResult, len(liveFaults()))
	t.Run("faults", func(t *testing.T) {
		for i, fault := range liveFaults() {
			t.Run(fault.rule+"/"+strings.ReplaceAll(fault.fault, " ", "_"), func(t *testing.T) {
				if !fault.alone {
					t.Parallel()
				}
				results[i] = fault.try(t, command)
			})
		}
	})
	t.Log("\n" + liveTable(t, results))
}

// liveResult is what the door said of a fault.
type liveResult struct{ found, confidence string }

// buildCommand builds the command that users have.
func buildCommand(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fanlight")
	if out, err := exec.Command("go", "build", "-o", path, "fanlight/cmd/fanlight").CombinedOutput(); err != nil {
		t.Fatalf("build fanlight: %v\n%s", err, out)
	}
	return path
}

// try injects the fault. One that consists of exact times is injected anew where
// this machine was too busy to keep them: up to three times.
func (fault *liveFault) try(t *testing.T, command string) (out liveResult) {
	page, err := exec.Command(command, "explain", fault.rule).Output()
	if err != nil || !strings.HasPrefix(string(page), fault.rule+" (") {
		t.Errorf("fanlight explain %s: %v\n%s", fault.rule, err, page)
	}
	left := 1
	if fault.timed {
		left = 3
	}
	for ; ; left-- {
		var problem string
		if out, problem = fault.once(t, command); problem == "" {
			return out
		}
		if left == 1 {
			t.Error(problem)
			return out
		}
	}
}

// once injects the fault into a new door; problem says what is wrong with what
// the door says of it.
func (fault *liveFault) once(t *testing.T, command string) (out liveResult, problem string) {
	l := &live{door: &door{t: t}}
	fault.inject(l)
	says := l.why(command)
	var ids []string
	out = liveResult{found: "nothing"}
	for _, f := range says {
		if f.ID == fault.rule {
			out = liveResult{f.ID, f.Confidence.String()}
		}
		if f.Severity > explain.Note && f.ID != fault.rule && !slices.Contains(fault.also, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	if out.found == fault.rule && len(ids) == 0 {
		return out, ""
	}
	if out.found == "nothing" && len(ids) > 0 {
		out.found = strings.Join(ids, ", ")
	}
	text, _ := exec.Command(command, l.args()...).CombinedOutput()
	return out, fmt.Sprintf("fanlight why %s names %s and further %q:\n%s", l.ask, out.found, ids, text)
}

// why is what `fanlight why` says, once the connections have ended.
func (l *live) why(command string) (found []explain.Finding) {
	l.t.Helper()
	args := l.args("--jsonl")
	out, err := exec.Command(command, args...).Output()
	if err != nil {
		l.t.Fatalf("fanlight %s: %v", strings.Join(args, " "), err)
	}
	for line := range strings.Lines(string(out)) {
		if l.ask == "" {
			var f explain.Finding
			must(l.t, json.Unmarshal([]byte(line), &f))
			found = append(found, f)
			continue
		}
		var item struct{ Findings []explain.Finding }
		must(l.t, json.Unmarshal([]byte(line), &item))
		found = append(found, item.Findings...)
	}
	return slices.DeleteFunc(found, func(f explain.Finding) bool { return f.Undecided })
}

// args are those of the command.
func (l *live) args(more ...string) []string {
	args := append([]string{"why", "--control", l.file("fanlight-data/control.sock")}, more...)
	if l.ask != "" {
		args = append(args, l.ask)
	}
	return args
}

// serve starts a door with one site, which works: a file is fetched from it.
// What comes then goes by the routes.
func (l *live) serve(routes string, pairs ...string) {
	l.t.Helper()
	l.door = serve(l.t, strings.Replace(liveConfig, "$ROUTES", strings.TrimSpace(routes), 1), pairs...)
	if got := l.send("GET /files/hello.txt HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "hello") {
		l.t.Fatalf("before the fault the door answers %q", got)
	}
}

const liveConfig = `
limits: {connections: 60, header_timeout: 1s, body_timeout: 1s, write_timeout: 1s, tls_timeout: 1s, idle_timeout: 5s, header_bytes: 4KiB, target_bytes: 1KiB}
sites:
  app:
    bind: ["127.0.0.2:$PORT app.test", "http://127.0.0.3:$PORT app.test"]
    routes:
      - {path: /files/, files: www}
      $ROUTES
`

// to is a route to an origin, with options in YAML.
func (l *live) to(path, to string, options ...string) string {
	return fmt.Sprintf("- {path: %s, to: %q, timeouts: {connect: 800ms, tls: 1200ms, send: 800ms, first_byte: 800ms, between: 800ms, tunnel: 800ms}%s}\n      ",
		path, to, strings.Join(append([]string{""}, options...), ", "))
}

// before starts a door in front of an origin, whose certificate it trusts.
func (l *live) before(o *testnet.Origin, options ...string) {
	l.t.Helper()
	if strings.HasPrefix(o.URL(""), "https:") && !strings.Contains(strings.Join(options, " "), "tls:") {
		options = append(options, l.trusting(o, "name: localhost"))
	}
	l.serve(l.to("/", o.URL(""), options...))
}

// trusting is how to speak TLS with an origin whose CA is known.
func (l *live) trusting(o *testnet.Origin, options ...string) string {
	return "tls: {" + strings.Join(append(options, fmt.Sprintf("ca: %q", caFile(l.t, o.CA))), ", ") + "}"
}

var incidentLine = regexp.MustCompile(`(?m)^Fanlight-Incident: (\w+)\r?$`)

// send makes a request on a connection of its own, by TLS, and gives the answer.
// An incident that it names is what the operator asks about, else the
// connection.
func (l *live) send(request string) string {
	l.t.Helper()
	before := len(clientConns(l.Trace()))
	c := l.dial()
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		l.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	sees := &strings.Builder{}
	if res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, sees)), &http.Request{Method: method}); err == nil {
		_, _ = io.Copy(io.Discard, res.Body) // how it ends is what the door is asked about
	}
	c.Close()
	l.askAbout(sees.String(), before)
	return sees.String()
}

func (l *live) askAbout(answer string, before int) {
	l.t.Helper()
	if m := incidentLine.FindStringSubmatch(answer); m != nil {
		l.ask = m[1]
		l.quiet()
		return
	}
	until(l.t, "the connection to be recorded", func() bool { return len(clientConns(l.Trace())) > before })
	l.quiet()
	conns := clientConns(l.Trace())
	l.ask = conns[len(conns)-1].ID.String()
}

// get asks for a target.
func (l *live) get(target string, fields ...string) string {
	l.t.Helper()
	return l.send(request("GET", target, fields...))
}

func request(method, target string, fields ...string) string {
	return method + " " + target + " HTTP/1.1\r\nHost: app.test\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

// liveTable is the list of all rules: how each was tried, or why it cannot be.
func liveTable(t *testing.T, results []liveResult) string {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tSEEN\tFAULT\tFOUND\tCONFIDENCE\tCAPTURES")
	faults, absent, labelled := liveFaults(), notLive(), labels(t)
	tried := 0
	for _, r := range rules.All() {
		here := 0
		for i, fault := range faults {
			if fault.rule == r.ID {
				here++
				fmt.Fprintf(w, "%s\tlive\t%s\t%s\t%s\t%d\n", r.ID, fault.fault, results[i].found, results[i].confidence, labelled[r.ID])
			}
		}
		reason, listed := absent[r.ID]
		switch {
		case here > 0 && listed:
			t.Errorf("%s is tried, and listed as not to be seen live", r.ID)
		case here > 0:
			tried++
		case listed:
			fmt.Fprintf(w, "%s\tcapture only\t%s\t\t\t%d\n", r.ID, reason, labelled[r.ID])
		default:
			t.Errorf("%s is neither tried on a live door nor listed with the reason why not", r.ID)
		}
		delete(absent, r.ID)
	}
	for id := range absent {
		t.Errorf("%s is no rule", id)
	}
	_ = w.Flush() // a Builder takes all
	fmt.Fprintf(&b, "%d of %d rules were tried on live doors\n", tried, len(rules.All()))
	return b.String()
}

// labels counts the captures of each rule's fault: their labels are the same
// ids.
func labels(t *testing.T) map[string]int {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "sick", "*.want"))
	must(t, err)
	out := map[string]int{}
	for _, path := range paths {
		label, err := score.ParseLabel(read(t, path), rules.All())
		must(t, err)
		for _, id := range wanted(label) {
			out[id]++
		}
	}
	return out
}

func wanted(label score.Label) (ids []string) {
	for _, want := range label.Find {
		if !slices.Contains(ids, want.Rule) {
			ids = append(ids, want.Rule)
		}
	}
	return ids
}

// liveFaults are all faults that are tried.
func liveFaults() []liveFault {
	return slices.Concat(addressFaults(), originTLSFaults(), originHTTPFaults(), originH2Faults(), clientFaults(), clientH2Faults(),
		signInFaults(), realFaults())
}
