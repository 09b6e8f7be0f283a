// SPDX-License-Identifier: Apache-2.0

package regular_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

func TestFollowLoadsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	for interval, loads := range map[time.Duration]int{0: 6, -1: 6, time.Second: 60, time.Hour: 0} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Millisecond)
			defer cancel()
			n := 0
			err := regular.Follow(ctx, interval, true, func() error { n++; return io.EOF })
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, loads, n, interval)
		})
	}
}

func TestFollowLoadsWhatWasNotLoadedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		assert.ErrorIs(t, regular.Follow(t.Context(), time.Second, false, func() error { n++; return io.EOF }), io.EOF)
		assert.Equal(t, 1, n)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, regular.Follow(ctx, time.Second, false, func() error { n++; return nil }), context.DeadlineExceeded)
		assert.Equal(t, 3, n)
	})
}

func TestAFileOfMoreThan16MiBIsNotRead(t *testing.T) {
	t.Parallel()
	text, err := regular.ReadAll(bytes.NewReader(make([]byte, 16<<20)))
	require.NoError(t, err)
	assert.Len(t, text, 16<<20)
	_, err = regular.ReadAll(bytes.NewReader(make([]byte, 16<<20+1)))
	assert.ErrorContains(t, err, "more than 16777216 bytes")
	_, err = regular.ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF))
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestOnlyARegularFileIsOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, "a")
	require.NoError(t, os.WriteFile(name, []byte("text"), 0o600))
	file, err := regular.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "text", string(text))
	assert.NoError(t, file.Close())

	_, err = regular.Open(folder)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
	_, err = regular.Open(filepath.Join(folder, "b"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	if runtime.GOOS != "windows" {
		_, err = regular.Open(os.DevNull)
		assert.ErrorIs(t, err, regular.ErrNotRegular)
	}
}
