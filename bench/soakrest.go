package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// atRest is what a process holds when nobody asks anything of it.
type atRest struct {
	goroutines, files, open int
	heap, resident          float64 // MiB; heap: right after a collection
}

func (r atRest) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %.1f MiB of heap in use, %.1f MiB resident", r.goroutines, r.files, r.heap, r.resident)
}

// growth says what there is more of than before. A pool or a cache may be
// filled by a little more than it was when warm; what leaks grows with every
// visit, of which there were hundreds at least.
func (r atRest) growth(before atRest, race bool) error {
	var grown []error
	more := func(what string, now, then, slack float64) {
		if now > then+slack {
			grown = append(grown, fmt.Errorf("%s grew from %.1f to %.1f", what, then, now))
		}
	}
	more("goroutines", float64(r.goroutines), float64(before.goroutines), 4)
	more("descriptors", float64(r.files), float64(before.files), 4)
	if !race {
		more("heap in use (MiB)", r.heap, before.heap, 2+before.heap/5)
		more("resident memory (MiB)", r.resident, before.resident, 24+before.resident/4)
	}
	return errors.Join(grown...)
}

// restLimit is longer than any timeout in the configuration of a soak.
const restLimit = 20 * time.Second

// rest waits until nothing is under way any more and gives what is left: the
// least of what is seen, since a measurement itself takes a goroutine, and the
// heap is smallest after a collection. It looks on, for restLimit at most, until
// that is little enough: a door that gets no turn collects late.
func (s *soaking) rest(enough func(atRest) bool) (least atRest, err error) {
	for deadline := time.Now().Add(restLimit); ; time.Sleep(100 * time.Millisecond) {
		if least, err = s.measure(); err != nil {
			return least, errors.Join(err, s.door.ended())
		}
		if least.open == 0 {
			break
		}
		if time.Now().After(deadline) {
			return least, fmt.Errorf("%d connections of clients are open %s after the last client has gone", least.open, restLimit)
		}
	}
	for began := time.Now(); time.Since(began) < 3*time.Second || !enough(least) && time.Since(began) < restLimit; time.Sleep(2 * time.Millisecond) {
		now, err := s.measure()
		if err != nil {
			return least, errors.Join(err, s.door.ended())
		}
		least.goroutines, least.files = min(least.goroutines, now.goroutines), min(least.files, now.files)
		least.heap, least.resident = min(least.heap, now.heap), min(least.resident, now.resident)
	}
	return least, nil
}

// measure asks the door for its metrics.
func (s *soaking) measure() (now atRest, err error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.control())
	}}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	res, err := client.Get("http://fanlight/metrics")
	if err != nil {
		return now, err
	}
	defer res.Body.Close()
	const mib = 1 << 20
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue // a comment
		}
		switch name {
		case "go_goroutines":
			now.goroutines = int(value)
		case "process_open_fds":
			now.files = int(value)
		case "fanlight_connections_open":
			now.open = int(value)
		case "go_memstats_heap_alloc_bytes":
			now.heap = value / mib
		case "process_resident_memory_bytes":
			now.resident = value / mib
		}
	}
	return now, lines.Err()
}
