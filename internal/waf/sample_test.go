package waf_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"fanlight/internal/httpwire"
	"fanlight/internal/waf"
)

const form = "application/x-www-form-urlencoded"

// sample is a request, and mostly no response, that both engines judge.
type sample struct {
	name                    string // where it comes from
	method, target, version string
	fields                  [][2]string
	body                    []byte
	response                *response
	unparsed                []byte // the head as it stands, in place of the members above
}

type response struct {
	status int
	kind   string // Content-Type
	fields [][2]string
	body   []byte
}

func rawSample(raw []byte) sample {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found {
		head = bytes.TrimRight(raw, "\r\n")
	}
	return sample{unparsed: head, body: body}
}

func (s *sample) add(name, value string) { s.fields = append(s.fields, [2]string{name, value}) }

func (s *sample) get(name string) string {
	for _, f := range s.fields {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

// set replaces the first field of that name, or adds one.
func (s *sample) set(name, value string) {
	for i := range s.fields {
		if strings.EqualFold(s.fields[i][0], name) {
			s.fields[i][1] = value
			return
		}
	}
	s.add(name, value)
}

// clone shares nothing that a change could touch.
func (s *sample) clone() sample {
	c := *s
	c.fields, c.body = slices.Clone(s.fields), slices.Clone(s.body)
	return c
}

// head is the request's head on the wire.
func (s *sample) head() []byte {
	var b bytes.Buffer
	if s.unparsed != nil {
		b.Write(s.unparsed)
		b.WriteString("\r\n")
	} else {
		fmt.Fprintf(&b, "%s %s %s\r\n", s.method, s.target, s.version)
		for _, f := range s.fields {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// String is the sample as a test could have it.
func (s *sample) String() string {
	text := fmt.Sprintf("%s: %q + %q", s.name, s.head(), s.body)
	if s.response != nil {
		text += fmt.Sprintf(" -> %d %s %q %q", s.response.status, s.response.kind, s.response.fields, s.response.body)
	}
	return text
}

// judgement is what must not differ between engines.
type judgement struct {
	rules             []int // in the order in which they matched
	scores            []int
	all               []int // with those that are not told of
	inbound, outbound int
	interrupted       waf.Interruption
	engine            string
}

// same compares all but the engine.
func (j *judgement) same(k *judgement) bool {
	return slices.Equal(j.rules, k.rules) && slices.Equal(j.scores, k.scores) && slices.Equal(j.all, k.all) && j.inbound == k.inbound &&
		j.outbound == k.outbound && j.interrupted.Status == k.interrupted.Status && j.interrupted.Rule == k.interrupted.Rule
}

func (j *judgement) String() string {
	return fmt.Sprintf("rules %v adding %v, scores %d and %d, ended by %d with %d", j.rules, j.scores, j.inbound, j.outbound,
		j.interrupted.Rule, j.interrupted.Status)
}

// judge sends a sample past an engine; false if it is no request that the
// parser can make sense of.
func (s *sample) judge(e waf.Engine) (j judgement, ok bool) {
	var h httpwire.Head
	if _, err := h.ParseRequest(s.head(), httpwire.Limits{Fields: 1000, HeadBytes: 1 << 20, TargetBytes: 1 << 20}); err != nil {
		return j, false
	}
	t := e.Begin(&waf.Request{
		Client: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 10}), 50000), Server: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 443),
		Method: string(h.Bytes(h.Method)), Target: string(h.Bytes(h.Target)), Protocol: fmt.Sprintf("HTTP/1.%d", h.Minor), Host: string(h.Get("Host")), Head: &h})
	by := t.Headers()
	if by == nil {
		by = t.Body(s.body, 0)
	}
	if by == nil && s.response != nil {
		s.response.judge(t)
	}
	v := t.End()
	j.all = v.IDs()
	j.engine, j.inbound, j.outbound = v.Engine, v.Inbound, v.Outbound
	for i := range v.Matches {
		j.rules, j.scores = append(j.rules, v.Matches[i].Rule), append(j.scores, v.Matches[i].Score)
	}
	if v.Interrupted != nil {
		j.interrupted = *v.Interrupted
	}
	return j, true
}

func (r *response) judge(t waf.Transaction) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d X\r\nContent-Type: %s\r\n", r.status, r.kind)
	for _, f := range r.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
	}
	b.WriteString("\r\n")
	var h httpwire.Head
	if _, err := h.ParseResponse(b.Bytes(), httpwire.Limits{}); err != nil {
		return
	}
	if t.ResponseHeaders(&h) == nil && t.WantsResponseBody() {
		t.ResponseBody(r.body)
	}
}

func or(s *string, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return *s
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
