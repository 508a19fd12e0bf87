package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// recordLine is what is read of an object that `run --record-to` writes
// (docs/json.md).
type recordLine struct {
	Type, ID, Conn, Parent, Outcome, Incident, Cause, Method, Target, HTTP, Self string
	Status                                                                       int
	Events                                                                       []recordEvent
	Close                                                                        *struct{ By, How, Why string }
	Lost                                                                         int64
}

type recordEvent struct {
	Kind, Exchange, Text, From string
	Facts                      map[string]string
}

// judgeRecords reads the door's records and looks for failed exchanges that do
// not have one cause (docs/attacks.md says what that is).
func (s *soaking) judgeRecords() error {
	f, err := os.Open(s.records())
	if err != nil {
		return err
	}
	defer f.Close()
	j := causeJudge{waiting: map[string][]*recordLine{}, by: map[string]int{}}
	err = j.read(bufio.NewReaderSize(f, 1<<20))
	s.say("%s", &j)
	return errors.Join(err, j.fault())
}

// causeJudge holds failed exchanges until their connection comes, which is
// written behind them.
type causeJudge struct {
	waiting   map[string][]*recordLine // failed exchanges by connection
	exchanges int
	failed    int
	by        map[string]int // causes, without what is of one exchange alone
	faults    []string
	summary   bool
}

func (j *causeJudge) read(r *bufio.Reader) error {
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 && err == nil {
			var o recordLine
			if err := json.Unmarshal(line, &o); err != nil {
				return fmt.Errorf("read record: %w", err)
			}
			j.take(&o)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (j *causeJudge) take(o *recordLine) {
	switch o.Type {
	case "exchange":
		if j.exchanges++; o.Outcome != "complete" || o.Incident != "" {
			j.failed++
			j.waiting[o.Conn] = append(j.waiting[o.Conn], o)
		}
	case "connection":
		for _, x := range j.waiting[o.ID] {
			j.judge(x, o)
		}
		delete(j.waiting, o.ID)
	case "summary":
		if j.summary = true; o.Lost > 0 {
			j.faults = append(j.faults, fmt.Sprintf("%d records were lost: the reader was too slow", o.Lost))
		}
	}
}

// judge looks for the one cause of a failed exchange.
func (j *causeJudge) judge(x, conn *recordLine) {
	causes := causesOf(x, conn)
	if len(causes) == 1 {
		j.by[generalCause(causes[0])]++
		return
	}
	if len(j.faults) < 20 {
		j.faults = append(j.faults, fmt.Sprintf("%s on %s (%s %s, %d, %s) has %d causes: %q; close %+v", x.ID, conn.ID, x.Method, x.Target, x.Status, x.Outcome, len(causes), causes, conn.Close))
	}
}

// causesOf gives what the record names for a failure: the words of the incident
// if the door answered; else the reset of the stream; else why or by whom the
// connection was closed. The first reset ends a stream; another one is about what
// was on its way then (RFC 9113, section 5.1).
func causesOf(x, conn *recordLine) (causes []string) {
	if x.Cause != "" {
		causes = append(causes, x.Cause)
	}
	timeouts, reset := 0, false
	for _, e := range conn.Events {
		if e.Exchange != x.ID {
			continue
		}
		switch e.Kind {
		case "incident":
			if e.Facts["cause"] != x.Cause {
				causes = append(causes, e.Facts["cause"])
			}
		case "timeout":
			timeouts++
		case "stream-reset":
			if x.Cause == "" && !reset {
				causes = append(causes, "stream reset by "+e.From+": "+e.Text)
			}
			reset = true
		}
	}
	if timeouts > 1 {
		causes = append(causes, fmt.Sprintf("%d timeouts", timeouts))
	}
	if len(causes) > 0 || conn.Close == nil {
		return causes
	}
	switch {
	case conn.Close.Why != "":
		return []string{conn.Close.Why}
	case conn.Close.By != "unknown" && conn.Close.By != conn.Self:
		return []string{"closed by the " + conn.Close.By + " with " + conn.Close.How}
	}
	return nil
}

// generalCause is a cause without numbers, addresses and targets.
func generalCause(cause string) string {
	words := strings.Fields(cause)
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789/") {
			words[i] = "..."
		}
	}
	return strings.Join(words[:min(14, len(words))], " ")
}

func (j *causeJudge) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d exchanges recorded, %d of them failed, by cause:", j.exchanges, j.failed)
	for _, cause := range slices.SortedFunc(maps.Keys(j.by), func(a, b string) int { return j.by[b] - j.by[a] }) {
		fmt.Fprintf(&b, "\n  %6d  %s", j.by[cause], cause)
	}
	return b.String()
}

func (j *causeJudge) fault() error {
	for conn, list := range j.waiting {
		j.faults = append(j.faults, fmt.Sprintf("%s, which %d failed exchanges are on, has no record", conn, len(list)))
	}
	if !j.summary {
		j.faults = append(j.faults, "the records have no summary: the door did not end by itself")
	}
	if len(j.faults) == 0 {
		return nil
	}
	return fmt.Errorf("the records have faults:\n  %s", strings.Join(j.faults[:min(20, len(j.faults))], "\n  "))
}
