package tap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"fanlight/internal/flow"
)

// LookUp asks a resolver, nil for the system's, for the addresses of a name.
// The context's deadline bounds it. What came of it is told beside an error,
// too. The system's resolver reads the hosts file first; it does not tell
// whether it found the name there.
func LookUp(ctx context.Context, r *net.Resolver, name string) (*flow.Lookup, error) {
	if r == nil {
		r = net.DefaultResolver
	}
	began := time.Now()
	addrs, err := r.LookupNetIP(ctx, "ip", name)
	l := &flow.Lookup{Name: name, Ended: time.Now(), Timed: true}
	l.Took = l.Ended.Sub(began)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("look up %s: no address", name)
	}
	l.Result, l.Reason = lookupResult(err), lookupReason(err)
	for _, a := range addrs {
		if a = a.Unmap(); !slices.Contains(l.Addresses, a) {
			l.Addresses = append(l.Addresses, a)
		}
	}
	return l, err
}

func lookupResult(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return flow.ResultFound
	case errors.As(err, &dns) && dns.IsNotFound:
		return flow.ResultNotFound
	case IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return flow.ResultTimeout
	case errors.Is(err, context.Canceled):
		return "" // nobody waited for it
	}
	return flow.ResultFailed
}

// lookupReason is what the resolver said, without the name and its address.
func lookupReason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return dns.Err
	case err != nil:
		return err.Error()
	}
	return ""
}

// NotResolved records an attempt to connect that ended before there was an
// address, and gives its id, 0 without recording. call.Lookup says why.
func NotResolved(rec *flow.Recorder, call Call) flow.ConnID {
	l := call.Lookup
	log := call.begin(rec, l.Ended.Add(-l.Took))
	call.chosen(log, l.Ended)
	log.Add(flow.Event{At: l.Ended, Kind: flow.ConnectFailed, Text: NoAddress})
	log.Flush()
	return log.ID()
}

// NoAddress is the text of ConnectFailed where the name was not resolved.
const NoAddress = "no address"
