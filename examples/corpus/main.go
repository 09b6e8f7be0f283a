// SPDX-License-Identifier: Apache-2.0

// Corpus runs the cases of the folder testdata over an implementation in any
// language, and says which it gets wrong.
//
//	corpus -server nrl|provider [-native] [-kind KIND]... [-v] ADDR
//	corpus -command 'PROGRAM ARG...' [-kind KIND]... [-v]
//	corpus -write DIR
//
// At an address it makes connections, sends requests and compares the answers. The
// server that is asked has the corpus' roots, SubCAs and lists, takes the FQDN
// msg.int.spine2.corpus.nhs.uk (a provider) or the systems of registry.json (an
// NRL-like server), and is the ASID of its cases; testdata/README.md has the command
// lines for the examples. The times in tokens are moved to now. Cases that need
// another configuration than that, or another time, are not asked.
//
// A command is run once for each case, in a folder with the corpus' files. The case
// is on its standard input, as in manifest.json; it exits with 0 if it accepts, with 1
// if it refuses, and with anything else if it cannot tell, for instance because it
// does not do that kind. One that a signal ends, as a crash does and this runner after
// half a minute, has the case wrong.
//
// KIND is certificate, offer, request, registry, pointer, change or front. -write writes the
// files and ends. The exit status is 0 if every case that was asked is as it should
// be, 1 if one is not, and 2 if nothing could be asked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

func main() { endpoint.MainStatus(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("corpus", flag.ContinueOnError)
	flags.SetOutput(stderr)
	server := flags.String("server", "", "what is at ADDR: `nrl` or provider")
	native := flags.Bool("native", false, "the server has the three suites of crypto/tls alone")
	command := flags.String("command", "", "`PROGRAM` and arguments to run for each case")
	write := flags.String("write", "", "write the corpus' files below `DIR`")
	verbose := flags.Bool("v", false, "print each case, not only those that are wrong")
	var kinds endpoint.List
	flags.Var(&kinds, "kind", "`KIND` of cases to ask; may be repeated; default: all")
	if err := flags.Parse(args); err != nil {
		return nothingAsked
	}
	fail := func(err error) int {
		fmt.Fprintln(stderr, "corpus:", err)
		return nothingAsked
	}
	var ask asker
	switch {
	case *write != "":
		if err := writeFiles(*write); err != nil {
			return fail(err)
		}
		return allRight
	case strings.TrimSpace(*command) != "" && *server == "" && flags.NArg() == 0:
		dir, err := os.MkdirTemp("", "corpus")
		if err != nil {
			return fail(err)
		}
		defer os.RemoveAll(dir)
		if err := writeFiles(dir); err != nil {
			return fail(err)
		}
		ask = commandIn(dir, strings.Fields(*command))
	case (*server == "nrl" || *server == "provider") && *command == "" && flags.NArg() == 1:
		a, err := newAddress(flags.Arg(0), *server, *native, time.Now)
		if err != nil {
			return fail(err)
		}
		ask = a.ask
	default:
		return fail(errors.New("want -server and an address, -command, or -write"))
	}
	return report(ctx, ask, kinds, *verbose, stdout)
}

func writeFiles(dir string) error {
	return fs.WalkDir(testdata.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		data, err := testdata.FS.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	})
}
