package archive

import (
	"encoding/xml"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// sazMeta is what a session's metadata tell. A time that is zero was not taken.
type sazMeta struct {
	Flags  string `xml:"BitFlags,attr"`
	Timers struct {
		Asked    sazTime `xml:"ClientBeginRequest,attr"`
		Sent     sazTime `xml:"ClientDoneRequest,attr"`
		Arrived  sazTime `xml:"ServerGotRequest,attr"` // that Fiddler had sent it on
		Began    sazTime `xml:"ServerBeginResponse,attr"`
		Answered sazTime `xml:"GotResponseHeaders,attr"`
		Done     sazTime `xml:"ServerDoneResponse,attr"`
		Over     sazTime `xml:"ClientDoneResponse,attr"`
	} `xml:"SessionTimers"`
	Pipe struct {
		Reused string `xml:"Reused,attr"`
	} `xml:"PipeInfo"`
	Marks []struct {
		Name  string `xml:"N,attr"`
		Value string `xml:"V,attr"`
	} `xml:"SessionFlags>SessionFlag"`
}

// Bits of BitFlags that are understood.
const (
	bitHTTPS     = 1 << 0
	bitGenerated = 1 << 8 // the response is Fiddler's own, and no server's
)

func (b *sazBuilder) meta(s *session) (*sazMeta, error) {
	raw, err := b.begin(s.members[theMeta])
	if err != nil || len(raw) == 0 {
		return &sazMeta{}, err
	}
	m := &sazMeta{}
	if err := xml.Unmarshal(raw, m); err != nil {
		return &sazMeta{}, fmt.Errorf("read metadata: %w", err)
	}
	return m, nil
}

func (m *sazMeta) bit(bit uint64) bool {
	n, err := strconv.ParseUint(m.Flags, 10, 64)
	return err == nil && n&bit != 0
}

// mark is the value of a session flag, whose names have any letter case.
func (m *sazMeta) mark(name string) string {
	for _, f := range m.Marks {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// server is where Fiddler sent the request, not valid if that is not told.
func (m *sazMeta) server(port uint16) netip.AddrPort {
	addr, err := netip.ParseAddr(strings.Trim(m.mark("x-hostip"), "[]*"))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// sazTime is a time of .NET, in whose year 1 nothing was measured.
type sazTime struct{ time.Time }

// UnmarshalText reads RFC 3339, also without a zone, which is taken for UTC. What
// it cannot read is left out.
func (t *sazTime) UnmarshalText(text []byte) error {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(form, string(text)); err == nil {
			if at.Year() > 1970 {
				t.Time = at.UTC()
			}
			return nil
		}
	}
	return nil
}
