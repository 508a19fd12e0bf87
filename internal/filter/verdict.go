package filter

import (
	"strconv"
	"strings"
)

// Verdict is a refusal. What was matched are bytes as received, cut when they
// are long.
type Verdict struct {
	Rule      string // the key of the configuration, such as deny_url or max.query; or "rule NAME"
	Status    int    // the client gets, as IIS gives it
	SubStatus int    // of IIS; 0: it has none
	Where     string // verb, URL, query, header NAME, line of NAME, or body
	Reading   Reading
	Entry     string // the configured text or name that it met; empty if it was a kind or a length
	Offset    int    // of what was matched: in the request target for URL and query, else in the value or line; -1: no place
	Length    int    // of what was matched, in bytes
	Matched   string

	what string // half a sentence
}

// TooLong is the verdict on a request body, which may come to light while it is
// read. length is negative if only that it is too long is known.
func TooLong(most, length int64) *Verdict {
	v := &Verdict{Rule: "max.body", Status: 413, SubStatus: 1, Where: "body", Offset: -1, what: "the request body is longer than " + strconv.FormatInt(most, 10) + " bytes"}
	if length >= 0 {
		v.what = longerText("request body", length, most)
	}
	return v
}

func longer(rule string, sub int, where string, size, most int) *Verdict {
	return &Verdict{Rule: rule, Status: 404, SubStatus: sub, Where: where, Offset: -1, what: longerText(where, int64(size), int64(most))}
}

func longerText(what string, size, most int64) string {
	return "the " + what + " of " + strconv.FormatInt(size, 10) + " bytes is longer than " + strconv.FormatInt(most, 10)
}

// Code is the status with its sub-status, as the logs of IIS have it: 404.5.
func (v *Verdict) Code() string {
	if v.SubStatus == 0 {
		return strconv.Itoa(v.Status)
	}
	return strconv.Itoa(v.Status) + "." + strconv.Itoa(v.SubStatus)
}

// Cause tells in one line which rule did not like which bytes, and where they
// stand.
func (v *Verdict) Cause() string {
	var b strings.Builder
	b.WriteString(v.Rule + " (" + v.Code() + "): " + v.what)
	if v.Offset >= 0 {
		b.WriteString(": " + quoted([]byte(v.Matched)) + " at byte " + strconv.Itoa(v.Offset) + " of " + v.home())
		if v.Reading != Received {
			b.WriteString(", " + v.Reading.String())
		}
	}
	return b.String()
}

// home is what the offset counts in.
func (v *Verdict) home() string {
	if v.Where == "URL" || v.Where == "query" {
		return "the target"
	}
	return v.Where
}

// verdict places what was found in a reading of a part.
func (p *part) verdict(how Reading, start, end int, v Verdict) *Verdict {
	v.Where, v.Reading = p.name, how
	from, to := len(p.received), len(p.received)
	if at := p.spans(how); start < end && end <= len(at) {
		from, to = int(at[start].from), int(at[end-1].to)
	}
	v.Offset, v.Length, v.Matched = p.at+from, to-from, cut(p.received[from:to])
	return &v
}

// in looks for the texts in every reading of a part.
func (s *sequences) in(p *part, rule string) *Verdict {
	for _, r := range p.all() {
		if text, start, end, found := s.find(r.text); found {
			return p.verdict(r.how, start, end, Verdict{Rule: rule, Status: 404, Entry: text, what: quoted([]byte(text)) + " is in the " + p.name})
		}
	}
	return nil
}

const mostMatched = 64

// cut keeps what is shown short.
func cut(b []byte) string { return string(b[:min(len(b), mostMatched)]) }

func quoted(b []byte) string { return strconv.Quote(cut(b)) }
