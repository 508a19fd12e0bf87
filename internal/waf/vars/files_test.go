package vars

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestFileBytes holds what counts as the contents of files to what Body reads:
// what it reads as a field, and so gives to rules, must never count as a file.
func TestFileBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	texts := partsTexts()
	for range 2000 {
		texts = append(texts, randomParts(rng))
	}
	var v Values
	files := 0
	for _, body := range texts {
		read(&v, partsOf(ordinary, body), []byte(body))
		fields := 0
		for _, p := range v.Of(ArgsPost) {
			fields += len(p.Value)
		}
		all, err := strconv.Atoi(v.Get(FilesCombinedSize))
		if err != nil {
			t.Fatal(err)
		}
		whole := v.Get(ReqbodyError) == "0" && v.Get(ArgumentsLimitReached) == "0"
		got := FileBytes(ordinary, []byte(body), len(body))
		if whole && got != all-fields || got > len(body)-fields {
			t.Errorf("%q\nfiles hold %d bytes, of %d with fields of %d", body, got, all, fields)
		}
		if got > 0 {
			files++
		}
	}
	if files < 100 {
		t.Errorf("only %d of the bodies have files", files)
	}
}

// A body is not read on once it is clear that there is too much beside its files.
func TestFileBytesStops(t *testing.T) {
	file := "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
	field := "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
	head := "--b\r\nContent-Disposition: form-data; name=a" + strings.Repeat("; x*0=x", 100_000) + "\r\n\r\n\r\n"
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"files":         {file + file + "--b--\r\n", 2 << 20},
		"a field":       {field + file + "--b--\r\n", 0},
		"a field later": {file + field + file + "--b--\r\n", 1 << 20},
		"a long head":   {file + head + file + "--b--\r\n", 1 << 20},
		"small fields":  {file + strings.Repeat("--b\r\nA: b\r\n\r\nx\r\n", 50_000) + file + "--b--\r\n", 1 << 20},
	} {
		if got := FileBytes("multipart/form-data; boundary=b", []byte(test.body), 100_000); got != test.want {
			t.Errorf("%s: %d bytes in files, want %d", name, got, test.want)
		}
	}
}
