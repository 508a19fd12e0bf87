package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/query"
	"fanlight/internal/store"
)

// RecordsWanted chooses records. Zero values do not choose.
type RecordsWanted struct {
	Since  time.Time
	Filter *query.Filter
	Limit  int // of exchanges
}

// Records asks the running door for its records. A fault says why they end
// early. An error is a *Refused if the door does not grant it.
func (c *Client) Records(ctx context.Context, w RecordsWanted) (t *flow.Trace, fault, err error) {
	values := url.Values{"limit": {strconv.Itoa(w.Limit)}}
	if !w.Since.IsZero() {
		values.Set("since", w.Since.Format(time.RFC3339Nano))
	}
	if w.Filter != nil {
		values.Set("filter", w.Filter.String())
	}
	res, err := c.send(ctx, http.MethodGet, "/api/records?"+values.Encode(), nil)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("read the door's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, decodeAnswer(res.StatusCode, raw, nil)
	}
	text := string(raw)
	if at := strings.LastIndex(text, store.Fault); at == 0 || at > 0 && text[at-1] == '\n' {
		fault = errors.New(strings.TrimSpace(text[at+len(store.Fault):]))
		text = text[:at]
	}
	if t, err = flow.Parse(text); err != nil {
		return nil, nil, fmt.Errorf("read the door's answer: %w", err)
	}
	return t, fault, nil
}

// ReadRecords reads the records in the data folder of a door that does not run.
func ReadRecords(ctx context.Context, data string, w RecordsWanted) (*flow.Trace, error) {
	lock, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	defer lock.Close()
	if err := tryLock(lock); err != nil {
		return nil, fmt.Errorf("open data folder %s: a door uses it: %w (ask that door: -c FILE or --control SOCKET)", data, err)
	}
	disk, err := store.ReadDisk(recordsFolder(data))
	if err != nil {
		return nil, err
	}
	out := &flow.Trace{}
	err = disk.EachRecord(ctx, store.Search{Since: w.Since, Filter: w.Filter, Limit: max(1, w.Limit)}, func(t *flow.Trace) {
		out.Conns = append(out.Conns, t.Conns...)
	})
	return out, errors.Join(err, disk.Close())
}
