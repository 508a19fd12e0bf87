package cli

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what commands print into the scripts instead of comparing")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fanlight": func() { os.Exit(Main(os.Args[1:])) }})
}

// TestScripts plays testdata/scripts at the root of the repository. Beside the
// usual commands of testscript they have:
//
//	exitcode N PROGRAM ARG...   run a program that must end with exit code N
//	freeport VAR [ADDR]         a port that nobody listens on, at all or at ADDR
//	waitport ADDR:PORT          wait until somebody listens there
//	waittext FILE TEXT          wait until a file holds the text
//	expand FILE...              replace $VAR in files
//	zip FILE FOLDER             pack a folder, with CRLF as lines of HTTP end
//	terminate WORD              SIGTERM to the background command with that argument
//	interrupt WORD              SIGINT to it
//	hangup WORD                 SIGHUP to it
//	terminatepid FILE           SIGTERM to the process that "pid" in a file names
//
// and the condition [root]: packets can be captured here.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "scripts"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			captures, err := filepath.Abs(filepath.Join("..", "..", "testdata", "captures"))
			if err != nil {
				return err
			}
			e.Setenv("CAPTURES", captures)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each program waits a second at its end
			return os.MkdirAll(home, 0o700)
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("condition %s is not known", name)
			}
			return runtime.GOOS == "linux" && os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode, "freeport": freePort, "waitport": waitPort,
			"waittext": waitText, "expand": expand, "zip": pack, "terminate": signalWith(syscall.SIGTERM), "interrupt": signalWith(syscall.SIGINT), "hangup": signalWith(syscall.SIGHUP), "terminatepid": terminatePID,
		},
	})
}

func terminatePID(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "terminatepid FILE")
	m := regexp.MustCompile(`"pid":(\d+)`).FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s names no pid", args[0])
	}
	pid, err := strconv.Atoi(m[1])
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(syscall.SIGTERM))
}

// patience is how long a script waits for another program; it is a limit for
// hangs, not a bar.
const patience = 20 * time.Second

func usage(ts *testscript.TestScript, neg, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "exitcode N PROGRAM ARG...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1 || len(args) == 2, "freeport VAR [ADDR]")
	host := "0.0.0.0"
	if len(args) == 2 {
		host = args[1]
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(errors.Join(err, l.Close()))
	ts.Setenv(args[0], port)
}

func waitPort(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "waitport ADDR:PORT")
	waitFor(ts, args[0], func() error {
		conn, err := net.DialTimeout("tcp", args[0], time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

func waitText(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "waittext FILE TEXT")
	waitFor(ts, args[0], func() error {
		raw, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && !strings.Contains(string(raw), args[1]) {
			err = fmt.Errorf("it does not hold %q:\n%s", args[1], raw)
		}
		return err
	})
}

func waitFor(ts *testscript.TestScript, what string, try func() error) {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("wait for %s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "expand FILE...")
	for _, name := range args {
		path := ts.MkAbs(name)
		text := os.Expand(ts.ReadFile(name), func(key string) string {
			value := ts.Getenv(key)
			if value == "" {
				ts.Fatalf("expand %s: $%s is not set", name, key)
			}
			return value
		})
		ts.Check(os.WriteFile(path, []byte(text), 0o600))
	}
}

func pack(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "zip FILE FOLDER")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	folder := ts.MkAbs(args[1])
	ts.Check(filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		w, err := z.Create(filepath.ToSlash(name))
		if err == nil {
			_, err = w.Write([]byte(strings.ReplaceAll(ts.ReadFile(path), "\n", "\r\n")))
		}
		return err
	}))
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

func signalWith(sig syscall.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, neg, len(args) == 1, "terminate|interrupt WORD")
		for _, cmd := range ts.BackgroundCmds() {
			if slices.Contains(cmd.Args, args[0]) {
				ts.Check(cmd.Process.Signal(sig))
				return
			}
		}
		ts.Fatalf("no background command has the argument %s", args[0])
	}
}
