package vars

import (
	"math/rand/v2"
	"strconv"
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
		got := FileBytes(ordinary, []byte(body))
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
