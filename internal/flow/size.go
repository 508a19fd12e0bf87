package flow

import (
	"net/netip"
	"slices"
	"unsafe"
)

// Size estimates the bytes of memory that a connection's record takes, with its
// events and exchanges. Strings that two of them share count twice.
func (c *Conn) Size() int {
	n := int(unsafe.Sizeof(*c)) + len(c.Source) + len(c.WhyNot) + len(c.Site) + len(c.Origin) + len(c.Close.Why)
	if c.TLS != nil {
		n += int(unsafe.Sizeof(*c.TLS)) + len(c.TLS.SNI) + listSize(c.TLS.Offered) + listSize(c.TLS.Versions)
	}
	if c.Lookup != nil {
		n += int(unsafe.Sizeof(*c.Lookup)) + len(c.Lookup.Name) + len(c.Lookup.Reason) + len(c.Lookup.Addresses)*int(unsafe.Sizeof(netip.Addr{}))
	}
	for i := range c.Events {
		n += c.Events[i].Size()
	}
	for _, x := range c.Exchanges {
		n += x.Size()
	}
	return n
}

// Size estimates the bytes of memory that an event takes.
func (e *Event) Size() int {
	n := int(unsafe.Sizeof(*e)) + len(e.Text) + len(e.Header)
	for _, a := range e.Attrs {
		n += int(unsafe.Sizeof(a)) + len(a.Value)
	}
	return n
}

// Size estimates the bytes of memory that an exchange takes.
func (x *Exchange) Size() int {
	n := int(unsafe.Sizeof(*x)) + len(x.Method) + len(x.Target) + len(x.Host) + len(x.Reason) + len(x.Cause) +
		fieldsSize(x.RequestHeader) + fieldsSize(x.ResponseHeader)
	if x.RequestBody != nil {
		n += int(unsafe.Sizeof(*x.RequestBody)) + len(x.RequestBody.Kept)
	}
	return n
}

func fieldsSize(fields []Field) int {
	n := 0
	for _, f := range fields {
		n += int(unsafe.Sizeof(f)) + len(f.Name) + len(f.Value)
	}
	return n
}

func listSize(list []string) int {
	n := 0
	for _, s := range list {
		n += int(unsafe.Sizeof(s)) + len(s)
	}
	return n
}

// Shrink makes the record take at most so many bytes, as far as it can: the
// oldest exchanges that are over leave, counted as forgotten; then header fields;
// then the oldest events; then exchanges that are not over. So that it is not done
// for each event, half of the size is made free. It tells whether anything was
// lost but exchanges that were over.
func (c *Conn) Shrink(size int) (maimed bool) {
	if c.Size() <= size {
		return false
	}
	for i, drop := range []func(excess int){c.dropOver, c.dropHeader, c.dropEvents, c.dropExchanges} {
		excess := c.Size() - size/2
		if excess <= 0 {
			break
		}
		drop(excess)
		maimed = i > 0
	}
	return maimed
}

func (c *Conn) dropOver(excess int) {
	headers := c.eventHeaders()
	gone := 0
	for _, x := range c.Exchanges {
		if excess > 0 && x.Over {
			excess -= x.Size() + c.clearHeaders(headers[x.ID])
			gone++
		}
	}
	c.forget(len(c.Exchanges)-gone, 0)
}

func (c *Conn) dropHeader(excess int) {
	headers := c.eventHeaders()
	for _, x := range c.Exchanges {
		if excess > 0 {
			excess -= x.clearHeader() + c.clearHeaders(headers[x.ID])
		}
	}
}

// DropHeader takes the header fields off some exchanges and their events.
func (c *Conn) DropHeader(of func(*Exchange) bool) {
	headers := c.eventHeaders()
	for _, x := range c.Exchanges {
		if of(x) {
			x.clearHeader()
			c.clearHeaders(headers[x.ID])
		}
	}
}

// eventHeaders are the indexes of the events of each exchange that have a header.
func (c *Conn) eventHeaders() map[ExchangeID][]int {
	at := map[ExchangeID][]int{}
	for i := range c.Events {
		if e := &c.Events[i]; len(e.Header) > 0 {
			at[e.Exchange] = append(at[e.Exchange], i)
		}
	}
	return at
}

func (x *Exchange) clearHeader() (freed int) {
	freed = fieldsSize(x.RequestHeader) + fieldsSize(x.ResponseHeader)
	x.RequestHeader, x.ResponseHeader = nil, nil
	return freed
}

func (c *Conn) clearHeaders(events []int) (freed int) {
	for _, i := range events {
		freed += len(c.Events[i].Header)
		c.Events[i].Header = nil
	}
	return freed
}

func (c *Conn) dropEvents(excess int) {
	n := 1 // the first tells who speaks with whom
	for ; excess > 0 && n < len(c.Events); n++ {
		excess -= c.Events[n].Size()
	}
	c.Events = slices.Delete(c.Events, min(1, len(c.Events)), min(n, len(c.Events)))
}

func (c *Conn) dropExchanges(excess int) {
	n := 0
	for ; excess > 0 && n < len(c.Exchanges); n++ {
		excess -= c.Exchanges[n].Size()
	}
	c.forget(len(c.Exchanges)-n, 0)
}
