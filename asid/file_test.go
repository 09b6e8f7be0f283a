// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/asidyaml"
)

// replace puts a file in place as an operator should.
func replace(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(name+".new", name))
}

func with(interactions ...asid.InteractionID) (string, asid.System) {
	sys := asid.System{ASID: provider.ASID, ODS: []asid.ODSCode{ods("RR8")}, FQDNs: []string{"a.nhs.uk"}, Interactions: interactions}
	list, err := json.Marshal(interactions)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"systems":[{"asid":"%s","ods":["RR8"],"fqdns":["a.nhs.uk"],"interactions":%s}]}`, sys.ASID, list), sys
}

func TestAFileIsReadInItsFormat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			text   string
			decode func([]byte) ([]asid.Record, error)
		}{"r.json": {inJSON, nil}, "r.yaml": {inYAML, asidyaml.Decode}} {
			f := &asid.File{Name: filepath.Join(t.TempDir(), name), Decode: c.decode}
			replace(t, f.Name, c.text)
			require.NoError(t, f.Load(), name)
			assert.NoError(t, f.Err())
			assert.NoError(t, asidtest.TestRegistry(f, inFile()...))
		}
		f := &asid.File{Name: filepath.Join(t.TempDir(), "r.yaml")}
		replace(t, f.Name, inYAML)
		var refused *asid.RegistryError
		assert.ErrorAs(t, f.Load(), &refused)
	})
}

// Half a file in YAML is well formed, and knows half of the systems.
func TestAFileThatIsBeingWrittenIsNotTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := &asid.File{
			Name: filepath.Join(t.TempDir(), "r.yaml"), Decode: asidyaml.Decode, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		half, _, _ := strings.Cut(inYAML, "  - {asid")
		replace(t, f.Name, half)
		time.AfterFunc(time.Second/2, func() { replace(t, f.Name, inYAML) })
		var refused *asid.RegistryError
		require.ErrorAs(t, f.Load(), &refused, "the first load, too")
		assert.ErrorContains(t, f.Err(), "is being written")
		require.NoError(t, f.Load())
		assert.NoError(t, asidtest.TestRegistry(f, inFile()...))

		replace(t, f.Name, half)
		time.AfterFunc(time.Second/2, func() { replace(t, f.Name, inYAML) })
		assert.Error(t, f.Load())
		assert.NoError(t, asidtest.TestRegistry(f, inFile()...), "the last good one stays in force")

		log.Reset()
		replace(t, f.Name, half)
		require.NoError(t, f.Load())
		assert.Contains(t, log.String(), "with fewer systems than before")
	})
}

func TestWhatIsNoRegularFileIsRefused(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "r.json")
	testenv.FIFO(t, fifo)
	for _, name := range []string{fifo, "/dev/zero", t.TempDir()} {
		f := &asid.File{Name: name}
		assert.ErrorContains(t, f.Load(), "is not a regular file")
		assert.ErrorContains(t, f.Err(), "is not a regular file")
		_, err := f.Lookup(t.Context(), provider.ASID)
		assert.ErrorContains(t, err, "is not a regular file")
	}
}

func TestAFileMayHoldShorterASIDsWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json")}
	replace(t, f.Name, `{"systems":[{"asid":"205","fqdns":["a.nhs.uk"]}]}`)
	assert.Error(t, f.Load())
	g := &asid.File{Name: f.Name, TestIDs: true}
	assert.NoError(t, g.Load())
}

func TestAFileThatWasNeverGoodCannotTellAndSaysSo(t *testing.T) {
	t.Parallel()
	f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json")}
	var refused *asid.RegistryError
	assert.ErrorAs(t, f.Load(), &refused)
	assert.ErrorIs(t, f.Load(), os.ErrNotExist)
	assert.Error(t, f.Err())
	assert.ErrorIs(t, f.Run(t.Context()), os.ErrNotExist, "Run does not wait for a file that never was")
	_, err := f.Lookup(t.Context(), provider.ASID)
	require.ErrorAs(t, err, &refused)
	assert.NotErrorIs(t, err, asid.ErrNotFound, "no ASID is known to be unknown")
}

func TestABrokenFileLeavesTheLastGoodOneInForce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json"), Logger: slog.New(slog.NewTextHandler(&log, nil))}
	records := func() int {
		n := strings.Count(log.String(), "\n")
		log.Reset()
		return n
	}
	text, first := with(asid.DocumentReferenceRead)
	replace(t, f.Name, text)
	require.NoError(t, f.Load())
	assert.Contains(t, log.String(), "registry file loaded")
	assert.Equal(t, 1, records())

	for name, spoil := range map[string]func(){
		"broken": func() { replace(t, f.Name, `{"systems":[`) },
		"gone":   func() { require.NoError(t, os.Remove(f.Name)) },
	} {
		spoil()
		var refused *asid.RegistryError
		assert.ErrorAs(t, f.Load(), &refused, name)
		assert.ErrorAs(t, f.Err(), &refused, name)
		assert.NoError(t, asidtest.TestRegistry(f, first), name)
		assert.Contains(t, log.String(), "the last good one stays in force")
		assert.Equal(t, 1, records())
		assert.ErrorAs(t, f.Load(), &refused, "it is as broken as it was")
		assert.Zero(t, records(), "one record per change of the file")
	}

	text, second := with(asid.DocumentReferenceCreate)
	replace(t, f.Name, text)
	require.NoError(t, f.Load())
	assert.NoError(t, f.Err())
	assert.NoError(t, asidtest.TestRegistry(f, second))
	assert.Equal(t, 1, records())

	// The same bytes as the last good ones, after a broken file.
	replace(t, f.Name, `{`)
	require.Error(t, f.Load())
	replace(t, f.Name, text)
	require.NoError(t, f.Load())
	assert.NoError(t, asidtest.TestRegistry(f, second))
}

func TestRunReadsTheFileUntilItsContextEnds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "r.json")
	first, one := with(asid.DocumentReferenceRead)
	second, two := with(asid.DocumentReferenceCreate)
	for _, c := range []struct{ interval, wait time.Duration }{{0, 10 * time.Second}, {time.Minute, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			f := &asid.File{Name: name, Interval: c.interval}
			replace(t, name, first)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- f.Run(ctx) }()
			synctest.Wait()
			assert.NoError(t, asidtest.TestRegistry(f, one), "Run loads what was not loaded")

			replace(t, name, second)
			time.Sleep(c.wait - time.Nanosecond)
			synctest.Wait()
			assert.NoError(t, asidtest.TestRegistry(f, one))
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			assert.NoError(t, asidtest.TestRegistry(f, two))

			cancel()
			assert.ErrorIs(t, <-ended, context.Canceled)
		})
	}
}

func TestAReloadNeverShowsHalfAFile(t *testing.T) {
	t.Parallel()
	f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json")}
	texts := make([]string, 2)
	texts[0], _ = with(asid.DocumentReferenceRead)
	texts[1], _ = with(asid.DocumentReferenceCreate)
	replace(t, f.Name, texts[0])
	require.NoError(t, f.Load())

	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				sys, err := f.Lookup(context.Background(), provider.ASID)
				if assert.NoError(t, err) {
					assert.Len(t, sys.Interactions, 1)
				}
			}
		})
	}
	reloads := 200
	if testing.Short() {
		reloads = 40
	}
	for i := range reloads {
		replace(t, f.Name, texts[i%2])
		assert.NoError(t, f.Load())
	}
	close(done)
	reading.Wait()
}

func TestAFileWithoutANameSaysSo(t *testing.T) {
	t.Parallel()
	err := new(asid.File).Load()
	require.ErrorAs(t, err, new(*asid.RegistryError))
	assert.EqualError(t, err, "registry: File.Name is missing")
}
