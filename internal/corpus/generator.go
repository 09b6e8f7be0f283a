// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// now is the time at which the cases are judged unless they say otherwise.
var now = time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)

// A generator collects cases and the files that they name.
type generator struct {
	cases  []testdata.Case
	files  map[string][]byte
	serial int64
}

// file stores a file and returns its path. A name may come again with the same
// content only.
func (g *generator) file(path string, content []byte) string {
	if old, ok := g.files[path]; ok && !bytes.Equal(old, content) {
		panic("corpus: two files are called " + path)
	}
	g.files[path] = content
	return path
}

func (g *generator) pem(path string, ders ...[]byte) string {
	var out bytes.Buffer
	for _, der := range ders {
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return g.file(path, out.Bytes())
}

// add adds a case, whose name must be new.
func (g *generator) add(c testdata.Case) {
	for _, other := range g.cases {
		if other.Name == c.Name {
			panic("corpus: two cases are called " + c.Name)
		}
	}
	g.cases = append(g.cases, c)
}

// slug makes a file name of a case's.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		}
		return '-'
	}, name), "-")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("corpus: %v", err))
	}
	return value
}
