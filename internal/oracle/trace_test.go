package oracle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"fanlight/internal/flow"
)

// record is a line of JSON of any type.
type record struct {
	kind string
	conn flow.ConnRecord
	ex   flow.ExchangeRecord
	id   string
	sum  flow.SummaryRecord
}

// trace runs the command on a capture.
func trace(t testing.TB, file string, args ...string) *seen {
	t.Helper()
	out, code := traceRaw(t, file, args...)
	if code != 0 {
		t.Errorf("fanlight trace ended with %d", code)
	}
	return foldRecords(t, out)
}

// traceRaw gives what the command prints, and its exit code.
func traceRaw(t testing.TB, file string, args ...string) ([]byte, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, fanlight, append([]string{"trace", file, "--jsonl", "--hash"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatalf("run fanlight: %v", err)
	}
	code := cmd.ProcessState.ExitCode()
	if code < 0 || strings.Contains(stderr.String(), "goroutine ") {
		t.Fatalf("fanlight trace %s: %v\n%s", file, err, stderr.String())
	}
	if stderr.Len() > 0 {
		t.Logf("fanlight says: %s", stderr.String())
	}
	return out, code
}

func foldRecords(t testing.TB, out []byte) *seen {
	t.Helper()
	var conns []flow.ConnRecord
	exchanges := map[string][]flow.ExchangeRecord{}
	s, sum := &seen{}, (*flow.SummaryRecord)(nil)
	for line := range bytes.Lines(out) {
		if sum != nil {
			t.Errorf("a line after the summary: %s", line)
		}
		r := readRecord(t, line)
		switch r.kind {
		case "connection":
			conns = append(conns, r.conn)
		case "exchange":
			exchanges[r.ex.Conn] = append(exchanges[r.ex.Conn], r.ex)
		case "finding":
			s.findings = append(s.findings, r.id)
		case "summary":
			sum = &r.sum
		}
	}
	slices.SortStableFunc(conns, func(a, b flow.ConnRecord) int { return strings.Compare(a.Started, b.Started) })
	n := 0
	for i := range conns {
		c := connOf(&conns[i])
		list := exchanges[conns[i].ID]
		slices.SortStableFunc(list, func(a, b flow.ExchangeRecord) int {
			return cmp.Or(a.Stream-b.Stream, strings.Compare(a.Started, b.Started)) // they are printed when they end
		})
		for k := range list {
			c.exchanges = append(c.exchanges, exchangeOf(&list[k]))
		}
		if conns[i].Exchanges != len(list) {
			t.Errorf("connection %s counts %d exchanges, %d are printed", conns[i].ID, conns[i].Exchanges, len(list))
		}
		n += len(list)
		s.conns = append(s.conns, c)
	}
	checkSummary(t, sum, len(conns), n, len(s.findings))
	if sum != nil && sum.Damaged != nil {
		s.damaged = *sum.Damaged
	}
	return s
}

func checkSummary(t testing.TB, sum *flow.SummaryRecord, conns, exchanges, findings int) {
	t.Helper()
	if sum == nil {
		t.Error("no summary is printed")
		return
	}
	if sum.Connections != conns || sum.Exchanges != exchanges || sum.Findings != findings {
		t.Errorf("the summary counts %d connections, %d exchanges, %d findings; printed are %d, %d, %d",
			sum.Connections, sum.Exchanges, sum.Findings, conns, exchanges, findings)
	}
}

func readRecord(t testing.TB, line []byte) (r record) {
	t.Helper()
	var head struct{ Type, ID string }
	err := json.Unmarshal(line, &head)
	r.kind, r.id = head.Type, head.ID
	if err == nil {
		switch head.Type {
		case "connection":
			err = json.Unmarshal(line, &r.conn)
		case "exchange":
			err = json.Unmarshal(line, &r.ex)
		case "summary":
			err = json.Unmarshal(line, &r.sum)
		case "finding":
		default:
			t.Errorf("a line of unknown type: %s", line)
		}
	}
	if err != nil {
		t.Errorf("%v in line %s", err, line)
	}
	return r
}

func connOf(r *flow.ConnRecord) *conn {
	c := &conn{client: r.Client}
	if r.TLS != nil {
		c.version, c.cipher, c.sni, c.alpn = r.TLS.Version, r.TLS.Cipher, r.TLS.SNI, r.TLS.ALPN
		c.resumed, c.decrypted, c.whyNot = r.TLS.Resumed, r.TLS.Decrypted, r.TLS.WhyNot
	}
	if r.Close != nil {
		c.by, c.how = r.Close.By, r.Close.How
	}
	for _, e := range r.Events {
		c.events = append(c.events, event{e.Kind, e.From, e.Text, e.Facts["ja4"]})
	}
	return c
}

func exchangeOf(r *flow.ExchangeRecord) *exchange {
	return &exchange{
		http: r.HTTP, stream: r.Stream, method: r.Method, target: r.Target, host: r.Host, status: r.Status,
		sent: r.RequestHeaders, got: r.ResponseHeaders, outcome: r.Outcome,
		sentBody: recordedBody(r.RequestBodyBytes, r.RequestSHA256),
		gotBody:  recordedBody(r.ResponseBodyBytes, r.ResponseSHA256),
	}
}

func recordedBody(n *int64, sum string) body {
	if n == nil {
		return body{}
	}
	return body{known: true, n: *n, sum: sum}
}
