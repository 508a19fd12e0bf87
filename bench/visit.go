package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// visitation is load on many sites: one kept connection to each, requests at a
// steady rate whatever the answers take. Meanwhile one of Tasks is told to the
// door, once in every Pace, and every Turn it is the next one's turn: what
// troubles the machine for a while troubles all of them.
type visitation struct {
	Sites      []hostedSite
	Rate       int // requests a second in all
	For        time.Duration
	Control    string // socket of the door
	Tasks      []task
	Turn, Pace time.Duration
	Ask        string     // the request, with a number in place of %d; left out: GET /
	Attack     *attacking // nil: nobody attacks
}

// attacking are the last so many of the sites: what they ask, and how it has to
// be answered. What they wait does not count.
type attacking struct {
	Sites, Status int
	Ask           string
}

// task is commands for one site: stop and start; or only start, which changes
// nothing but takes the same way, so that load and door are as busy with it.
type task struct {
	Site     string
	Commands []string
}

// visits are what the load saw in the turns of one task.
type visits struct {
	Millis  []float64 // of each request, ascending
	Changes []float64 // milliseconds of each round of commands
}

// visit reads a visitation and writes a list of visits, one for each task, as
// JSON. One failed request makes it worthless and ends it with an error.
func visit(ctx context.Context, in io.Reader, out io.Writer) error {
	var v visitation
	if err := json.NewDecoder(in).Decode(&v); err != nil {
		return err
	}
	conns := make([]*visitor, len(v.Sites))
	for i, s := range v.Sites {
		c, err := dialVisitor(ctx, s)
		if err != nil {
			return err
		}
		defer c.Close()
		if v.Ask != "" {
			c.request = v.Ask
		}
		if a := v.Attack; a != nil && i >= len(v.Sites)-a.Sites {
			c.request, c.status, c.attacks = a.Ask, a.Status, true
		}
		conns[i] = c
	}
	seen, err := v.visitAll(ctx, conns)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(seen)
}

func (v *visitation) visitAll(ctx context.Context, conns []*visitor) ([]visits, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer time.AfterFunc(v.For, func() { end(errVisited) }).Stop()
	every := time.Duration(len(conns)) * time.Second / time.Duration(v.Rate)
	changes := make([][]float64, len(v.Tasks))
	var all sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		all.Go(func() {
			if err := c.visit(ctx, began.Add(every*time.Duration(i)/time.Duration(len(conns))), every); err != nil {
				end(err)
			}
		})
	}
	all.Go(func() {
		if err := v.command(ctx, began, changes); err != nil {
			end(err)
		}
	})
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errVisited) {
		return nil, err
	}
	return v.sort(began, conns, changes), nil
}

// turn tells whose turn it is.
func (v *visitation) turn(began, now time.Time) int {
	return int(now.Sub(began)/v.Turn) % len(v.Tasks)
}

// sort gives each task the requests that were made in its turns.
func (v *visitation) sort(began time.Time, conns []*visitor, changes [][]float64) []visits {
	seen := make([]visits, len(v.Tasks))
	for i := range seen {
		seen[i].Changes = changes[i]
	}
	for _, c := range conns {
		if c.attacks {
			continue
		}
		for _, a := range c.asked {
			s := &seen[v.turn(began, a.at)]
			s.Millis = append(s.Millis, a.took.Seconds()*1e3)
		}
	}
	for _, s := range seen {
		slices.Sort(s.Millis)
	}
	return seen
}

var errVisited = errors.New("the time of the load is over")

// visitor is a client with one connection.
type visitor struct {
	*tls.Conn
	r       *bufio.Reader
	request string
	status  int // that answers have to have
	attacks bool
	asked   []asked
}

type asked struct {
	at   time.Time
	took time.Duration
}

func dialVisitor(ctx context.Context, s hostedSite) (*visitor, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	// The certificate's authority is made by the door as it starts; that the
	// name is right suffices here.
	c := tls.Client(raw, &tls.Config{ServerName: s.Host, InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}})
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("shake hands with %s: %w", s.Host, err)
	}
	if err := c.ConnectionState().PeerCertificates[0].VerifyHostname(s.Host); err != nil {
		raw.Close()
		return nil, err
	}
	return &visitor{Conn: c, r: bufio.NewReader(c), status: 200, request: "GET / HTTP/1.1\r\nHost: " + s.Host + "\r\n\r\n"}, nil
}

// visit makes a request at due and after every further interval. A request
// that could not be made in time because the answer before it took too long
// counts from when it was due.
func (c *visitor) visit(ctx context.Context, due time.Time, every time.Duration) error {
	for {
		began := due
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			began = time.Now() // a timer of ours that fired late is not the door's
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := c.ask(); err != nil {
			return err
		}
		c.asked = append(c.asked, asked{began, time.Since(began)})
		due = due.Add(every)
	}
}

func (c *visitor) ask() error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // fails only on a closed connection; the write says so
	request := strings.ReplaceAll(c.request, "%d", strconv.Itoa(1000000+len(c.asked)))
	if _, err := io.WriteString(c, request); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != c.status || c.status == 200 && n != bodySize) {
		err = fmt.Errorf("answer was %s with %d bytes", res.Status, n)
	}
	return err
}

// command tells the door the tasks in their turns until ctx ends, and adds to
// each one's changes how long its commands took, in milliseconds.
func (v *visitation) command(ctx context.Context, began time.Time, changes [][]float64) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", v.Control)
	}}}
	defer client.CloseIdleConnections()
	pace := time.NewTicker(v.Pace)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		told := time.Now()
		turn := v.turn(began, told)
		for _, command := range v.Tasks[turn].Commands {
			if err := change(client, v.Tasks[turn].Site, command); err != nil {
				return err
			}
		}
		changes[turn] = append(changes[turn], time.Since(told).Seconds()*1e3)
	}
}

func change(client *http.Client, site, action string) error {
	res, err := client.Post("http://door/api/sites/"+site+"/"+action, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("%s %s: %s", action, site, res.Status)
	}
	return err
}
