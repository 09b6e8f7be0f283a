// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A disk has two files, and something happens to them when one is read.
type disk struct {
	held   map[string]string
	reads  int
	before map[int]func(*disk) // by the number of the reading, from 1
}

func (d *disk) read(name string) ([]byte, error) {
	d.reads++
	if happens := d.before[d.reads]; happens != nil {
		happens(d)
	}
	return []byte(d.held[name]), nil
}

// Whenever in a look the pair is replaced, one file before the other or both at once,
// the halves of two pairs are not judged as if they were one.
func TestAPairIsJudgedAsItIsHeld(t *testing.T) {
	t.Parallel()
	renew := func(names ...string) func(*disk) {
		return func(d *disk) {
			for _, name := range names {
				d.held[name] = "new"
			}
		}
	}
	for name, test := range map[string]struct {
		before map[int]func(*disk)
		reads  int
	}{
		"at rest":                               {nil, 4},
		"both between the two":                  {map[int]func(*disk){2: renew("cert", "key")}, 6},
		"the certificate, then the key":         {map[int]func(*disk){2: renew("cert"), 3: renew("key")}, 6},
		"the key, then the certificate":         {map[int]func(*disk){2: renew("key"), 3: renew("cert")}, 6},
		"both after the first reading":          {map[int]func(*disk){3: renew("cert", "key")}, 6},
		"between the two of the second reading": {map[int]func(*disk){4: renew("cert", "key")}, 8},
	} {
		d := &disk{held: map[string]string{"cert": "old", "key": "old"}, before: test.before}
		var judged [][2]string
		s := &source{names: []string{"cert", "key"}, read: d.read, parse: func(_ context.Context, contents [][]byte) (*tls.Certificate, error) {
			judged = append(judged, [2]string{string(contents[0]), string(contents[1])})
			return new(tls.Certificate), nil
		}}
		_, err := s.get(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, [][2]string{{d.held["cert"], d.held["key"]}}, judged, name)
		assert.Equal(t, test.reads, d.reads, name)
	}
}

// Files that could not be read for a while, or held something else, are not judged
// anew once they hold again what is in use.
func TestWhatIsInUseIsNotJudgedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, judged := "good", 0
		s := &source{names: []string{"cert"}, parse: func(_ context.Context, contents [][]byte) (*tls.Certificate, error) {
			judged++
			if string(contents[0]) != "good" {
				return nil, errors.New("bad")
			}
			return new(tls.Certificate), nil
		}, read: func(string) ([]byte, error) {
			if held == "" {
				return nil, os.ErrNotExist
			}
			return []byte(held), nil
		}}
		first, err := s.get(t.Context())
		require.NoError(t, err)
		for _, other := range []string{"", "bad"} {
			held = other
			time.Sleep(time.Second)
			cert, err := s.get(t.Context())
			assert.Error(t, err)
			assert.Same(t, first, cert)
			held = "good"
			time.Sleep(time.Second)
			cert, err = s.get(t.Context())
			assert.NoError(t, err)
			assert.Same(t, first, cert)
		}
		assert.Equal(t, 2, judged, "the first one and the bad one")
	})
}

// What asks for a password may mind the end of its context.
func TestACallerThatHasEndedFailsAlone(t *testing.T) {
	t.Parallel()
	d := &disk{held: map[string]string{"cert": "good"}}
	s := &source{names: []string{"cert"}, read: d.read, parse: func(ctx context.Context, _ [][]byte) (*tls.Certificate, error) {
		return new(tls.Certificate), ctx.Err()
	}}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.get(ended)
	assert.ErrorIs(t, err, context.Canceled)
	cert, err := s.get(t.Context())
	assert.NoError(t, err)
	assert.NotNil(t, cert)
}

func TestFilesThatNeverRestAreAnError(t *testing.T) {
	t.Parallel()
	d := &disk{held: map[string]string{}, before: map[int]func(*disk){}}
	for i := range 100 {
		d.before[i] = func(d *disk) { d.held["cert"] = strconv.Itoa(i) }
	}
	s := &source{names: []string{"cert", "key"}, read: d.read, parse: func(context.Context, [][]byte) (*tls.Certificate, error) {
		t.Error("judged")
		return nil, nil
	}}
	_, err := s.get(t.Context())
	assert.ErrorContains(t, err, "cert, key changed")
}

// A FIFO would be waited for, and holds something else the second time.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	testenv.FIFO(t, fifo)
	for _, name := range []string{fifo, "/dev/zero", t.TempDir()} {
		_, err := Read(name)
		assert.ErrorContains(t, err, name+" is not a regular file")
	}
	_, err := Read(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}
