// SPDX-License-Identifier: Apache-2.0

// Package corpus makes the cases of the package testdata: `go run
// ./internal/corpus/generate` writes them, the same bytes each time and on every
// machine. Each case says by hand what must become of it, so that the corpus
// tests the library, and not the library the corpus.
package corpus

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Generate returns the files of the corpus by their paths below testdata.
func Generate() map[string][]byte {
	g := &generator{files: map[string][]byte{}}
	s, lists := g.certificates()
	g.revocation()
	g.offers()
	g.requests()
	g.connections()
	g.registries()
	g.pointers()
	g.changes()
	g.constraints(s, lists) // these last: serial numbers follow from the order
	g.alone(s, lists)
	g.fronts(s, lists)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(map[string]any{"version": 1, "cases": g.cases}); err != nil {
		panic("corpus: " + err.Error())
	}
	g.files["manifest.json"] = out.Bytes()
	return g.files
}

// Paths returns the paths of files in their order.
func Paths(files map[string][]byte) []string { return slices.Sorted(maps.Keys(files)) }
