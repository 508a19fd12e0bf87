package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// sizedSource knows how far it has been read.
type sizedSource interface {
	InputOffset() int64
	Size() (total int64, known bool)
}

// progress tells on a terminal how far long work is.
type progress struct {
	to   io.Writer
	stop chan struct{}
	done sync.WaitGroup
}

const (
	progressAfter = time.Second
	progressEvery = 300 * time.Millisecond
)

func newProgress(to io.Writer) *progress {
	p := &progress{to: to}
	if !isTerminal(to) {
		p.to = nil
	}
	return p
}

// follow shows rate and time left until end is called.
func (p *progress) follow(src sizedSource) {
	if p.to == nil {
		return
	}
	p.stop = make(chan struct{})
	p.done.Go(func() {
		began := time.Now()
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-p.stop:
				if shown {
					fmt.Fprint(p.to, "\r\x1b[K")
				}
				return
			case <-tick.C:
			}
			if elapsed := time.Since(began); elapsed > progressAfter {
				shown = true
				fmt.Fprint(p.to, "\r\x1b[K"+progressLine(src, elapsed))
			}
		}
	})
}

func progressLine(src sizedSource, elapsed time.Duration) string {
	read := src.InputOffset()
	rate := float64(read) / elapsed.Seconds()
	line := fmt.Sprintf("%.1f MB read, %.0f MB/s", float64(read)/1e6, rate/1e6)
	if total, known := src.Size(); known && total > 0 && rate > 0 {
		left := time.Duration(float64(total-read) / rate * float64(time.Second)).Round(time.Second)
		line = fmt.Sprintf("%d %%, %s, %s left", 100*read/total, line, left)
	}
	return line
}

func (p *progress) end() {
	if p.stop != nil {
		close(p.stop)
		p.done.Wait()
	}
}

func isTerminal(w any) bool {
	_, ok := terminalSize(w)
	return ok
}

// colours tells whether output may have them (https://no-color.org).
func colours(w any) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

// width is that of the terminal; 0: no terminal, no limit.
func width(w any) int {
	columns, ok := terminalSize(w)
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); ok && err == nil && n > 0 {
		return n
	}
	return columns
}
