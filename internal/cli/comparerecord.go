package cli

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"fanlight/internal/flow"
)

// doorStory is what of the door's answer about a record is compared.
type doorStory struct {
	Connection flow.ConnRecord `json:"connection"`
	Notation   string          `json:"notation"`
}

// loadRecord asks the running door for a record by its id.
func (f *compareFlags) loadRecord(ctx context.Context, id string) (*flow.Trace, error) {
	switch id[0] {
	case 'c':
		return f.story(ctx, id, "/api/connections/"+url.PathEscape(id))
	case 'x':
		return f.exchange(ctx, id)
	}
	return f.story(ctx, id, "/api/incidents/"+url.PathEscape(id))
}

func (f *compareFlags) story(ctx context.Context, id, path string) (*flow.Trace, error) {
	var stories []doorStory
	if err := f.get(ctx, path, &stories); err != nil {
		return nil, err
	}
	if len(stories) == 0 || stories[0].Notation == "" {
		return nil, failWith(exitUsage, fmt.Errorf("compare %s: its record is gone, or recording is off", id))
	}
	t, err := flow.Parse(stories[0].Notation)
	if err != nil {
		return nil, fmt.Errorf("read the door's record of %s: %w", id, err)
	}
	return t, nil
}

// searched is how many of the newest connections are searched for an exchange.
const searched = 500

func (f *compareFlags) exchange(ctx context.Context, id string) (*flow.Trace, error) {
	n, err := strconv.ParseUint(id[1:], 10, 64)
	if err != nil {
		return nil, failWith(exitUsage, fmt.Errorf("compare %s: no such exchange", id))
	}
	var list []flow.ConnRecord
	if err := f.get(ctx, "/api/connections?limit="+strconv.Itoa(searched), &list); err != nil {
		return nil, err
	}
	for _, c := range list {
		if c.Exchanges == 0 {
			continue
		}
		t, err := f.story(ctx, c.ID, "/api/connections/"+url.PathEscape(c.ID))
		if err != nil {
			return nil, err
		}
		if of := onlyExchange(t, flow.ExchangeID(n)); of != nil {
			return of, nil
		}
	}
	return nil, failWith(exitUsage, fmt.Errorf("compare %s: none of the %d newest connections has it; give its connection (c7)", id, len(list)))
}

// onlyExchange leaves of a trace an exchange, with what was made for it; nil if
// it does not have it.
func onlyExchange(t *flow.Trace, id flow.ExchangeID) *flow.Trace {
	if t.Exchange(id) == nil {
		return nil
	}
	out := &flow.Trace{Facts: t.Facts}
	for _, c := range t.Conns {
		some := *c
		some.Exchanges = nil
		for _, x := range c.Exchanges {
			if x.ID == id || x.Parent == id {
				some.Exchanges = append(some.Exchanges, x)
			}
		}
		if len(some.Exchanges) > 0 {
			out.Conns = append(out.Conns, &some)
		}
	}
	return out
}

func (f *compareFlags) get(ctx context.Context, path string, out any) error {
	client, err := f.door.client()
	if err != nil {
		return err
	}
	if err := client.Get(ctx, path, out); err != nil {
		return doorError(err)
	}
	return nil
}
