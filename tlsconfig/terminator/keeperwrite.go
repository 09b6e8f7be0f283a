// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

const (
	// hookTimeout bounds one call of Reload.
	hookTimeout = time.Minute

	firstRetry, lastRetry = time.Second, 5 * time.Minute

	// patience is for how long nothing is said of what is missing while points have
	// not been asked for the first time.
	patience = time.Minute
)

// step makes the file what it must be by the lists that are known of the pinned CAs,
// tells the program, and makes the state.
func (k *Keeper) step(ctx context.Context, pins *tlsconfig.Pins, known []revocation.List) {
	path, err := k.acquire()
	if err == nil {
		err = k.read(path)
	}
	if len(k.contents.blocks) > 0 { // which are known now, too
		known = k.known(pins)
	}
	k.recognise(known)
	p := k.plan(pins, known, k.now())
	if err == nil && p.serves {
		err = k.write(p)
	}
	if k.unwritten = err != nil; !k.unwritten {
		k.reload(ctx)
	}
	k.conclude(p, err)
}

// acquire takes the lock, unless it is held, and returns the file's path with
// symbolic links resolved. These may lead elsewhere than before, and the path to
// another folder.
func (k *Keeper) acquire() (path string, err error) {
	if path, err = resolve(k.File); err != nil {
		return "", err
	}
	if k.lock != nil && k.lock.path == path && k.lock.stands() {
		return path, nil
	}
	k.release()
	if k.lock, err = lockFile(path); err != nil {
		return path, err
	}
	// An emptyDir of Kubernetes has mode 0777, and only the pod can reach it.
	if info, err := k.lock.root.Stat("."); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		k.log(slog.LevelWarn, "every local user who reaches the folder of the CRL file may replace it", slog.String("folder", filepath.Dir(path)))
	}
	return path, nil
}

func (k *Keeper) release() {
	if k.lock != nil {
		k.lock.close()
		k.lock = nil
	}
	k.contents, k.floor = contents{}, nil
}

// conclude makes the state of a step.
func (k *Keeper) conclude(p *plan, unwritten error) {
	s := &KeeperState{File: k.File, Size: k.contents.size(), Written: k.written, Told: k.pending.told, Problems: p.problems, made: p.now, next: p.next}
	inFile := setOf(k.contents.digests)
	for _, l := range p.lists {
		if inFile[l.Digest()] {
			s.Lists = append(s.Lists, KeptList{ListState: l.ListState, Size: len(l.DER)})
		}
	}
	for _, l := range k.CRLs.Looks() {
		if l.Err != nil {
			s.Problems = append(s.Problems, Problem{Kind: Unfetched, Scope: l.URL, Detail: "the last attempt failed", Err: l.Err})
		}
	}
	for _, what := range k.contents.foreign {
		s.Problems = append(s.Problems, Problem{Kind: Foreign, Detail: what})
	}
	switch {
	case unwritten != nil:
		s.Problems = append(s.Problems, Problem{Kind: Unwritten, Detail: "the file stays as it is", Err: unwritten})
	case !p.serves:
		s.Problems = append(s.Problems, Problem{Kind: Unwritten, Detail: "with the lists that are known the program would refuse everyone: the file stays as it is"})
	}
	if k.pending.err != nil {
		s.Problems = append(s.Problems, Problem{Kind: Untold, Detail: "the program goes by what it read before", Err: k.pending.err})
	}
	s.Complete = p.complete && unwritten == nil && p.serves && !k.pending.due
	k.state.Store(s)
	if k.ready || k.now().Sub(k.began) >= patience {
		k.say(s.Problems)
	}
}

// write writes the file if it is not what it must be.
func (k *Keeper) write(p *plan) error {
	digests := make([][32]byte, len(p.lists))
	for i, l := range p.lists {
		digests[i] = l.Digest()
	}
	sum := sumOf(digests)
	if k.contents.text != nil && slices.Equal(k.contents.digests, digests) {
		rest := comparison(k.contents.text)
		if k.contents.ours = k.render(&rest, p.lists) == nil && len(rest) == 0; k.contents.ours {
			k.contents.text = nil
			k.pending.due = k.Reload != nil && k.lock.told() != sum
		}
	}
	if k.contents.ours && slices.Equal(k.contents.digests, digests) {
		return nil
	}
	info, err := k.lock.replace(k.contents.info, func(w io.Writer) error { return k.render(w, p.lists) })
	if err != nil {
		return err
	}
	k.contents = contents{known: true, path: k.contents.path, info: info, ours: true, digests: digests}
	k.floor = setOf(digests)
	k.written = k.now()
	k.pending.due, k.pending.at, k.pending.wait = k.Reload != nil, time.Time{}, 0
	k.log(slog.LevelInfo, "CRL file of "+string(k.Program)+" written", slog.Int("lists", len(p.lists)), slog.Int64("octets", info.Size()))
	return nil
}

// A comparison is what is still to be written to it.
type comparison []byte

var errOther = errors.New("it is not the same")

func (c *comparison) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(*c, b) {
		return 0, errOther
	}
	*c = (*c)[len(b):]
	return len(b), nil
}

// reload tells the program, if it has to be told and the time for it has come.
func (k *Keeper) reload(ctx context.Context) {
	t := &k.pending
	// A time that is further off than it was ever to be is one of before the clock was set back.
	if left := t.at.Sub(k.now()); !t.due || t.wait > 0 && left > 0 && left <= t.wait {
		return
	}
	if t.err = k.call(ctx); t.err != nil {
		t.wait = min(max(2*t.wait, firstRetry), lastRetry)
		t.at = k.now().Add(t.wait)
		return
	}
	*t = tell{told: k.now()}
	k.lock.tell(sumOf(k.contents.digests))
	k.log(slog.LevelInfo, "CRL file of "+string(k.Program)+" taken by the program")
}

var errReloading = errors.New("the Hook that was called before has not returned")

// call calls Reload, and waits no longer than for its context: one that does not mind
// that is called again when it has returned.
func (k *Keeper) call(ctx context.Context) error {
	if !k.reloading.CompareAndSwap(false, true) {
		return errReloading
	}
	hook, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	err, late := bounded.Call(hook, &k.late, bounded.Of{}, func() error {
		defer k.reloading.Store(false)
		return k.Reload(hook, k.File)
	})
	return errors.Join(err, late)
}

// render writes the file's contents.
func (k *Keeper) render(w io.Writer, lists []*revocation.List) error {
	if k.Program == Envoy {
		return writeSecret(w, lists)
	}
	return writePEM(w, lists)
}
