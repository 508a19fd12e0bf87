package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// A soak runs a door between clients and origins that fail in every way there
// is, and looks at what is left behind: goroutines, descriptors, memory, and
// failed exchanges whose record does not say why.

// soaking is a soak under way.
type soaking struct {
	*bench
	length  time.Duration // of the load that is judged
	visits  int           // a second
	workers int
	race    bool
	out     io.Writer

	cert    certificate
	secure  string // address of the door's HTTPS
	plain   string // and HTTP
	origin  string // addresses of the origins
	originS string
	origin2 string
	door    *process
	tally   *soakTally
}

// soakCommand is `bench soak`.
func soakCommand(ctx context.Context, args []string) error {
	s := &soaking{bench: &bench{ctx: ctx}, out: os.Stdout}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.DurationVar(&s.length, "for", 10*time.Minute, "how long the load that is judged lasts")
	flags.IntVar(&s.visits, "visits", 100, "visits of clients a second, of one to five exchanges each")
	flags.IntVar(&s.workers, "clients", 48, "clients at a time")
	flags.BoolVar(&s.race, "race", false, "build the door with the race detector; memory is not judged")
	keep := flags.String("keep", "", "keep the door's records, log and configuration in this `folder`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir := *keep
	if dir == "" {
		temporary, err := os.MkdirTemp("", "fanlight-soak-")
		if err != nil {
			return err
		}
		s.onClose(func() { os.RemoveAll(temporary) })
		dir = temporary
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s.dir = dir
	defer s.close()
	return s.run()
}

func (s *soaking) run() error {
	if err := s.start(); err != nil {
		return err
	}
	warm := min(max(s.length/5, 3*time.Second), time.Minute)
	s.say("warming up for %s", warm)
	s.load(warm)
	before, err := s.rest(func(atRest) bool { return true })
	if err != nil {
		return err
	}
	s.say("at rest: %s", before)
	s.say("load for %s", s.length)
	s.tally.reset()
	s.load(s.length)
	after, err := s.rest(func(now atRest) bool { return now.growth(before, s.race) == nil })
	if err != nil {
		return err
	}
	s.say("at rest: %s", after)
	s.say("%s", s.tally)
	s.door.stop()
	return errors.Join(s.door.unhurt(), after.growth(before, s.race), s.tally.fault(), s.judgeRecords())
}

func (s *soaking) say(format string, args ...any) {
	fmt.Fprintf(s.out, "soak: "+format+"\n", args...)
}

func (s *soaking) start() (err error) {
	if err := os.Remove(s.records()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // of a soak before
	}
	if s.cert, err = s.makeCertificate(); err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	s.tally = newSoakTally()
	if s.origin, s.originS, err = s.startFaultyOrigins(); err != nil {
		return err
	}
	if s.origin2, err = s.serveFaultsH2(); err != nil {
		return err
	}
	if s.secure, err = freeAddress(); err != nil {
		return err
	}
	if s.plain, err = freeAddress(); err != nil {
		return err
	}
	conf, err := s.write("soak.yaml", "%s", s.configuration())
	if err != nil {
		return err
	}
	program, err := s.buildDoor()
	if err != nil {
		return err
	}
	cpus := fmt.Sprintf("0-%d", runtime.NumCPU()-1)
	s.door, err = s.bench.start("soak", cpus, []string{"GORACE=halt_on_error=0"}, program, "run", "-c", conf, "--record-to", s.records())
	if err != nil {
		return err
	}
	for range 100 {
		if _, err = s.measure(); err == nil {
			return nil
		}
		if err := s.door.ended(); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("wait for the door: %w", err)
}

func (s *soaking) records() string { return filepath.Join(s.dir, "soak.jsonl") }
func (s *soaking) control() string { return filepath.Join(s.dir, "soak.sock") }

func (s *soaking) buildDoor() (program string, err error) {
	if !s.race {
		program, _, err = buildFanlight(s.bench)
		return program, err
	}
	program = filepath.Join(s.dir, "fanlight-race.bin")
	build := exec.CommandContext(s.ctx, "go", "build", "-race", "-o", program, "fanlight/cmd/fanlight")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build fanlight: %w: %.300s", err, out)
	}
	return program, nil
}

// configuration has limits so short that each of them fires.
func (s *soaking) configuration() string {
	const limits = "timeouts: {connect: 1s, tls: 1s, send: 1s, first_byte: 500ms, between: 500ms, idle: 1s, tunnel: 1s}, pool: {idle: 32}"
	return strings.NewReplacer("DIR", s.dir, "CONTROL", s.control(), "SECURE", s.secure, "PLAIN", s.plain, "CERT", s.cert.file, "KEY", s.cert.key,
		"ORIGINS", s.originS, "ORIGIN2", s.origin2, "ORIGIN", s.origin, "LIMITS", limits, "NAME", benchName).Replace(`console: "off"
access_log: "off"
control: unix:CONTROL
data: DIR/soak-data
recording: {memory: 4MiB, disk: off}
limits: {header_timeout: 500ms, body_timeout: 500ms, idle_timeout: 1s, tls_timeout: 5s, write_timeout: 1s, grace: 5s}
sites:
  secure:
    bind: ["SECURE NAME"]
    certificate: {file: CERT, key: KEY}
    routes:
      - {path: /h2/, to: "https://ORIGIN2", tls: {ca: CERT, name: NAME}, LIMITS}
      - {path: /s/, to: "https://ORIGINS", tls: {ca: CERT, name: NAME}, LIMITS}
      - {path: /, to: "http://ORIGIN", LIMITS}
  plain:
    bind: ["http://PLAIN NAME"]
    routes:
      - {path: /h2/, to: "https://ORIGIN2", tls: {ca: CERT, name: NAME}, LIMITS}
      - {path: /s/, to: "https://ORIGINS", tls: {ca: CERT, name: NAME}, LIMITS}
      - {path: /, to: "http://ORIGIN", LIMITS}
`)
}

// unhurt looks into what a door printed for what must never be there.
func (p *process) unhurt() error {
	words, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	for _, bad := range []string{"DATA RACE", "panic:", "panicked", "fatal error:"} {
		if i := strings.Index(string(words), bad); i >= 0 {
			return fmt.Errorf("the door printed %s:\n%.4000s", bad, words[max(0, i-100):])
		}
	}
	return nil
}
