package machine

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
)

// A block in a hosts file:
//
//	# >>> fanlight dev by 812@71034 >>> taken out when that process ends
//	127.0.0.5 shop.test
//	# <<< fanlight dev <<<
type block struct {
	owner       string
	process     string
	first, last int // its marked lines
}

func (b block) stale() bool { return !processAlive(b.process) }

// namesPerLine is what Windows reads of one line.
const namesPerLine = 8

// findBlocks finds the complete blocks. A marked line without its counterpart
// is a comment like any other.
func findBlocks(lines [][]byte) []block {
	var found []block
	var open *block
	for i, line := range lines {
		f := strings.Fields(string(line))
		switch {
		case len(f) >= 7 && slices.Equal(f[:3], []string{"#", ">>>", "fanlight"}) && f[4] == "by" && f[6] == ">>>":
			open = &block{owner: f[3], process: f[5], first: i}
		case len(f) == 5 && slices.Equal(f[:3], []string{"#", "<<<", "fanlight"}) && f[4] == "<<<":
			if open != nil && open.owner == f[3] {
				open.last = i
				found = append(found, *open)
			}
			open = nil
		}
	}
	return found
}

// removeBlocks takes out the blocks of owner and those of ended processes.
func removeBlocks(content []byte, owner string) []byte {
	lines := splitLines(content)
	for _, b := range slices.Backward(findBlocks(lines)) {
		if b.owner == owner || b.stale() {
			lines = slices.Delete(lines, b.first, b.last+1)
		}
	}
	return bytes.Join(lines, nil)
}

// insertBlock adds a block after the last complete line, so that a last line
// without its end stays the last, and taking the block out again leaves the
// file as it was.
func insertBlock(content []byte, owner, process string, entries []HostEntry) []byte {
	if len(entries) == 0 {
		return content
	}
	end := "\n"
	if bytes.Contains(content, []byte("\r\n")) || len(content) == 0 && runtime.GOOS == "windows" {
		end = "\r\n"
	}
	var b strings.Builder
	b.WriteString("# >>> fanlight " + owner + " by " + process + " >>> taken out when that process ends" + end)
	for _, e := range entries {
		for names := range slices.Chunk(e.Names, namesPerLine) {
			b.WriteString(e.IP.String() + " " + strings.Join(names, " ") + end)
		}
	}
	b.WriteString("# <<< fanlight " + owner + " <<<" + end)
	return slices.Insert(slices.Clone(content), bytes.LastIndexByte(content, '\n')+1, []byte(b.String())...)
}
