package foreignlog

import (
	"strings"
	"time"
)

// w3c reads the logs of HTTP.sys and of IIS: blank-separated fields whose names
// a #Fields line gives, in UTC. That line may come again with other fields
// after a restart of the service.
type w3c struct {
	errors bool // HTTPERR
	fields []string
}

// Fields of lines whose #Fields line is missing, by their number. Three lists
// of HTTPERR are known: until Windows Server 2012 R2, of 2016 and 2019, since
// 2022. That of IIS is its default.
var w3cDefaults = map[int]string{
	13: "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename",
	14: "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri streamid sc-status s-siteid s-reason s-queuename",
	15: "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
	16: "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri streamid streamid_ex sc-status s-siteid s-reason s-queuename transport",
}

func (p *w3c) parse(l *Line) bool {
	if names, found := strings.CutPrefix(l.Text, "#Fields:"); found {
		p.fields = strings.Fields(names)
		return false
	}
	values := strings.Fields(l.Text)
	names := p.fields
	if names == nil {
		names = strings.Fields(w3cDefaults[len(values)])
	}
	if strings.HasPrefix(l.Text, "#") || len(names) == 0 || len(values) != len(names) {
		return false
	}
	f := make(map[string]string, len(names))
	for i, name := range names {
		if values[i] != "-" {
			f[name] = values[i]
		}
	}
	var known bool
	if l.Time, known = w3cTime(f); !known {
		return false
	}
	l.Zone, l.Tick, l.AtEnd = ZoneByRule, time.Second, true
	return p.facts(l, f)
}

func w3cTime(f map[string]string) (time.Time, bool) {
	at, err := time.Parse("2006-01-02 15:04:05", f["date"]+" "+f["time"])
	return at, err == nil
}

func (p *w3c) facts(l *Line, f map[string]string) bool {
	l.Client, l.Server = withPort(f["c-ip"], f["c-port"]), withPort(f["s-ip"], f["s-port"])
	l.Host, l.Method, l.Status = f["cs-host"], f["cs-method"], status(f["sc-status"])
	if p.errors {
		return httperrFacts(l, f)
	}
	return iisFacts(l, f)
}
