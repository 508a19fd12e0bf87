package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

const crashFolder = "STORE_CRASH_FOLDER"

// TestCrash kills a writer in the middle of its work, a few times in the same
// folder: what it said was written is found, and nothing is damaged.
func TestCrash(t *testing.T) {
	if folder := os.Getenv(crashFolder); folder != "" {
		writeForever(t, folder)
	}
	folder := t.TempDir()
	for round := range 4 {
		said := crashOnce(t, folder, 3+4*round)
		disk, err := OpenDisk(folder, DiskOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := disk.Search(t.Context(), Search{Limit: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, r := range rows {
			found[r.Target] = true
		}
		for i := range said {
			if target := fmt.Sprintf("/%s", strconv.Itoa(i)); !found[target] {
				t.Fatalf("round %d: %s was written, and is not found among %d rows", round, target, len(rows))
			}
		}
		if _, err := disk.Records(t.Context(), rows[:min(len(rows), 500)]); err != nil {
			t.Error(err)
		}
		if n := disk.Stats().Damaged; n != 0 {
			t.Errorf("round %d: %d places are damaged", round, n)
		}
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	}
}

// crashOnce starts a writer, kills it once it has said so often that all is
// written, and gives how many visits that was.
func crashOnce(t *testing.T, folder string, after int) (said int) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestCrash$")
	cmd.Env = append(os.Environ(), crashFolder+"="+folder)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range after {
		if !lines.Scan() {
			t.Fatalf("the writer ended by itself: %v", lines.Err())
		}
		if said, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	return said
}

// writeForever records visits, and says after every so many that they are on
// disk.
func writeForever(t *testing.T, folder string) {
	d := openDoor(t, folder, DiskOptions{})
	for i := 0; ; i++ {
		d.visit(start, fmt.Sprint("/", i), 200, "")
		if i%100 == 99 {
			if err := d.disk.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			fmt.Println(i + 1)
		}
	}
}
