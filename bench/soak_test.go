package main

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A short soak: what leaks with each visit shows in it, too.
func TestSoak(t *testing.T) {
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Skip("taskset is not installed")
	}
	var out bytes.Buffer
	s := &soaking{bench: &bench{ctx: context.Background(), dir: t.TempDir()}, out: &out, length: 6 * time.Second, visits: 100, workers: 48}
	defer func() { t.Log(out.String()) }()
	defer s.close()
	if err := s.run(); err != nil {
		t.Error(err)
	}
}

// A failed exchange with no cause, or with several, is found.
func TestSoakJudge(t *testing.T) {
	const end = `{"type":"summary","lost":0}`
	for name, c := range map[string]struct{ records, fault string }{
		"answered by the door": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"complete","incident":"A","cause":"connect to o"}
{"type":"connection","id":"c1","events":[{"kind":"incident","exchange":"x1","facts":{"cause":"connect to o"}}]}`, ""},
		"ended by the door": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}
{"type":"connection","id":"c1","self":"server","close":{"by":"server","how":"rst","why":"timeout: write to client"}}`, ""},
		"ended by the client": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}
{"type":"connection","id":"c1","self":"server","close":{"by":"client","how":"rst"}}`, ""},
		"reset in HTTP/2": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}
{"type":"connection","id":"c1","self":"server","events":[{"kind":"stream-reset","from":"client","text":"CANCEL","exchange":"x1"}]}`, ""},
		"reset in HTTP/2, and what was on its way": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}
{"type":"connection","id":"c1","self":"client","events":[{"kind":"stream-reset","from":"server","text":"INTERNAL_ERROR","exchange":"x1"},{"kind":"stream-reset","from":"server","text":"STREAM_CLOSED","exchange":"x1"}]}`, ""},
		"no cause": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}
{"type":"connection","id":"c1","self":"server","close":{"by":"server","how":"fin"}}`, "x1 on c1"},
		"two causes": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"complete","incident":"A","cause":"connect to o"}
{"type":"connection","id":"c1","events":[{"kind":"incident","exchange":"x1","facts":{"cause":"connect to o"}},{"kind":"incident","exchange":"x1","facts":{"cause":"other"}}]}`, "has 2 causes"},
		"no connection": {`{"type":"exchange","id":"x1","conn":"c1","outcome":"truncated"}`, "c1, which 1 failed exchanges"},
		"lost records":  {`{"type":"summary","lost":3}`, "3 records were lost"},
	} {
		j := causeJudge{waiting: map[string][]*recordLine{}, by: map[string]int{}}
		if err := j.read(bufio.NewReader(strings.NewReader(c.records + "\n" + end + "\n"))); err != nil {
			t.Fatal(name, err)
		}
		err := j.fault()
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	grown := atRest{goroutines: 20}.growth(atRest{goroutines: 10}, false)
	if grown == nil || !strings.Contains(grown.Error(), "goroutines grew") {
		t.Errorf("%v", grown)
	}
}
