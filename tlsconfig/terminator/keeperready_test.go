// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A folder that another takes the place of, under the same path, is the one that the
// program reads from then on, and the Keeper writes to.
func TestAFolderThatIsReplacedIsFollowed(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	for name, away := range map[string]func(folder string) error{
		"moved away": func(folder string) error { return os.Rename(folder, folder+".old") },
		"removed":    os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(t, rootList(), subCAList(7))
				folder := filepath.Join(filepath.Dir(e.file), "crls")
				require.NoError(t, os.Mkdir(folder, 0o755))
				e.file = filepath.Join(folder, "crls.pem")
				e.keeper.File = e.file
				e.run(t)
				after(10 * time.Second)
				want := e.read(t)
				require.NoError(t, away(folder))
				after(2 * time.Minute)
				assert.False(t, e.keeper.State().Complete, "there is no folder")
				require.NoError(t, os.Mkdir(folder, 0o755))
				after(2 * time.Minute)
				assert.Equal(t, want, e.read(t))
				assert.True(t, e.keeper.State().Complete)
			})
		})
	}
}

// A lock that was removed, as what tidies up folders may, is one that another Keeper
// could take beside this one.
func TestALockThatWasRemovedIsTakenAgain(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		e.run(t)
		after(10 * time.Second)
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(e.file), ".crls.pem.keeper")))
		after(2 * time.Minute)
		second := newEstate(t, rootList(), subCAList(7, 8))
		second.keeper.File = e.file
		second.run(t)
		after(2 * time.Minute)
		assert.Equal(t, 1, second.records("another Keeper writes this file"), second.log.String())
	})
}

// What State says is so when it is asked: lists run out also while no Keeper runs.
func TestAStateIsNotCompleteOnceItsListsHaveRunOut(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), between(subCAList(7), -time.Hour, 20*time.Hour, 1))
		require.NoError(t, e.once(t))
		require.True(t, e.keeper.State().Complete)
		after(19 * time.Hour)
		assert.True(t, e.keeper.State().Complete)
		assert.Empty(t, problems(e.keeper.State()))
		after(2 * time.Hour)
		state := e.keeper.State()
		assert.False(t, state.Complete)
		require.Equal(t, []terminator.ProblemKind{terminator.Expired}, problems(state))
		assert.Equal(t, e.pki.SubCA.Subject.String(), state.Problems[0].Issuer)
		assert.Len(t, e.contents(t), 2, "the file stays")
	})
}

// hanging is a source from which nothing comes.
type hanging struct{}

func (hanging) Fetch(ctx context.Context, _ revocation.Request) (*revocation.Response, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A file of yesterday is not called current by a Once that ended before the points were asked.
func TestOnceThatCouldNotAskIsAnError(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		require.NoError(t, os.WriteFile(e.file, inPEM(rootList(), subCAList()), 0o600))
		e.crls.Fetcher = hanging{}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // before it is said that a point hangs
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = e.crls.Run(ctx)
		}()
		require.ErrorIs(t, e.keeper.Once(ctx), context.DeadlineExceeded)
		<-done
	})
}

// A list without nextUpdate never runs out for a program, also when no newer one
// comes any more. It is not written, and one that is current stays.
func TestAListWithoutNextUpdateIsNotWritten(t *testing.T) {
	t.Parallel()
	endless := func(l *revocationtest.CRL) { l.NoNextUpdate = true }
	e := newEstate(t, rootList(), with(subCAList(7), endless))
	require.ErrorContains(t, e.once(t), "nextUpdate")
	_, err := os.Stat(e.file)
	require.ErrorIs(t, err, os.ErrNotExist)

	e = newEstate(t, rootList(), subCAList(7))
	require.NoError(t, e.once(t))
	before := e.read(t)
	e.publish(subCAURL, with(newer(subCAList(7, 8)), endless))
	require.NoError(t, e.crls.Add(with(newer(subCAList(7, 8)), endless).DER()))
	_ = e.once(t)
	assert.Equal(t, before, e.read(t))
	assert.ElementsMatch(t, []terminator.ProblemKind{terminator.Unusable, terminator.Gap}, problems(e.keeper.State()))
}

// A program that could not be told is told in a while also if the clock was set back
// meanwhile.
func TestAHookIsTriedAgainAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, between(rootList(), -48*time.Hour, 48*time.Hour, 1), between(subCAList(7), -48*time.Hour, 48*time.Hour, 1))
		var back atomic.Int64
		e.crls.Time = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		e.keeper.Reload = func(context.Context, string) error {
			if back.Load() == 0 {
				return errors.New("it does not run")
			}
			return nil
		}
		e.run(t)
		after(time.Minute)
		back.Store(int64(24 * time.Hour))
		after(10 * time.Minute)
		assert.True(t, e.keeper.State().Complete, e.log.String())
	})
}

// A program that is still to be told of a file that can no longer be written has the
// Keeper look no more often than the file itself does.
func TestAProgramToBeToldOfNoFileIsNoHaste(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		var readings atomic.Int64
		e.crls.Time = func() time.Time { readings.Add(1); return time.Now() }
		e.keeper.Reload = func(context.Context, string) error { return errors.New("it does not run") }
		e.run(t)
		after(10 * time.Second)
		require.Contains(t, problems(e.keeper.State()), terminator.Untold)
		require.NoError(t, os.RemoveAll(filepath.Dir(e.file)))
		after(10 * time.Minute)
		before := readings.Load()
		after(10 * time.Minute)
		assert.Less(t, readings.Load()-before, int64(1000), "in ten minutes")
	})
}
