// SPDX-License-Identifier: Apache-2.0

// Generate writes the corpus: go run ./internal/corpus/generate testdata
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/nrlsecurity/nrlsecurity/internal/corpus"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR")
		os.Exit(2)
	}
	files := corpus.Generate()
	for _, folder := range []string{"certificates", "keys"} { // what a case that is gone has left
		if err := os.RemoveAll(filepath.Join(os.Args[1], folder)); err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
	}
	for _, path := range corpus.Paths(files) {
		name := filepath.Join(os.Args[1], filepath.FromSlash(path))
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, files[path], 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
	}
	fmt.Println(len(files), "files")
}
