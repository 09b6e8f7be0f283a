// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A heldFile is what the file holds, as it was when it was last read or written.
type heldFile struct {
	known   bool        // it has been read
	info    fs.FileInfo // nil: there is no file
	path    string      // with symbolic links resolved
	text    []byte      // as it was read, until it is known whether it is ours
	ours    bool        // it is as a Keeper writes it
	digests [][32]byte  // of its lists that are pinned CAs', in their order
	foreign []string    // what else it holds, in words
	blocks  [][]byte    // what it was found to hold, until it is known whose it is
}

// same reports whether the file is the one that was read or written.
func (h *heldFile) same(path string, info fs.FileInfo) bool {
	return h.known && h.path == path && h.info != nil && os.SameFile(h.info, info) &&
		h.info.Size() == info.Size() && h.info.ModTime().Equal(info.ModTime())
}

func (h *heldFile) size() int64 {
	if h.info == nil {
		return 0
	}
	return h.info.Size()
}

// tell is what the program has still to be told.
type tell struct {
	due  bool
	at   time.Time // when it is tried next
	wait time.Duration
	err  error     // of the last attempt
	told time.Time // when the program last took the file
}

const (
	// hookTimeout bounds one call of Reload.
	hookTimeout = time.Minute

	firstRetry, lastRetry = time.Second, 5 * time.Minute

	// maxFile bounds what is read of a file.
	maxFile = 1 << 30
)

// step makes the file what it must be, tells the program, and makes the state.
func (k *Keeper) step(ctx context.Context) {
	k.ready = k.ready || k.asked()
	path, err := k.acquire()
	if err == nil {
		err = k.read(path)
	}
	pins := new(tlsconfig.Pins)
	pins.Replace(k.Pins) // as they are now: the lists and what is missing go by the same
	known := k.known(pins)
	k.recognise(known)
	p := k.plan(pins, known, k.now())
	if err == nil && p.serves {
		err = k.write(p)
	}
	if err == nil {
		k.reload(ctx)
	}
	k.conclude(p, err)
}

// conclude makes the state of a step.
func (k *Keeper) conclude(p *plan, unwritten error) {
	s := &KeeperState{File: k.File, Size: k.held.size(), Written: k.written, Told: k.pending.told, Problems: p.problems, next: p.next}
	held := setOf(k.held.digests)
	for _, l := range p.lists {
		if held[l.Digest()] {
			s.Lists = append(s.Lists, KeptList{ListState: l.ListState, Size: len(l.DER)})
		}
	}
	for _, l := range k.CRLs.State().Looks {
		if l.Err != nil {
			s.Problems = append(s.Problems, Problem{Kind: Unfetched, Scope: l.URL, Detail: "the last attempt failed", Err: l.Err})
		}
	}
	for _, what := range k.held.foreign {
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

// read looks at what the file holds, unless it is as it was left. What it holds is
// added to what is known, so that nothing older takes its place.
func (k *Keeper) read(path string) error {
	info, data, err := readFile(path, func(info fs.FileInfo) bool { return !k.held.same(path, info) })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.edited()
		k.held = heldFile{known: true, path: path}
		return nil
	case err != nil:
		return err
	case data == nil:
		return nil
	}
	k.edited()
	k.held = heldFile{known: true, path: path, info: info, text: data}
	if k.Program == Envoy {
		if data, err = crlsOfSecret(data); err != nil {
			k.foreign("what is not for Envoy's discovery service: " + err.Error())
			return nil
		}
	}
	room := true
	for block, rest := pem.Decode(data); ; block, rest = pem.Decode(rest) {
		if block == nil {
			if len(bytes.TrimSpace(rest)) > 0 {
				k.foreign("what is not PEM")
			}
			return nil
		}
		if block.Type != "X509 CRL" {
			k.foreign("a PEM block of the type " + strconv.QuoteToASCII(block.Type[:min(len(block.Type), 40)]))
		} else if err := k.add(block.Bytes, &room); err != nil {
			k.foreign(err.Error())
		} else {
			k.held.blocks = append(k.held.blocks, block.Bytes)
		}
	}
}

// add adds a list that the file holds to what is known. Only so many are kept whose
// signer is not known yet; asking for those of the pinned CAs makes room, unless it did
// not before.
func (k *Keeper) add(block []byte, room *bool) error {
	err := k.CRLs.Add(block)
	if *room && errors.Is(err, revocation.ErrTooLarge) {
		k.known(k.Pins)
		err = k.CRLs.Add(block)
		*room = err == nil
	}
	return err
}

// edited says that the file is no longer what was written.
func (k *Keeper) edited() {
	if k.held.ours {
		k.log(slog.LevelWarn, "CRL file of "+string(k.Program)+" was changed by another hand")
	}
}

// foreign notes, and says, what does not belong into the file.
func (k *Keeper) foreign(what string) {
	const enough = 20
	if len(k.held.foreign) < enough {
		k.held.foreign = append(k.held.foreign, what)
		k.log(slog.LevelWarn, "CRL file of "+string(k.Program)+" held what does not belong there", slog.String("what", what))
	}
}

// recognise finds the lists that the file was found to hold among those that are
// known.
func (k *Keeper) recognise(known []revocation.List) {
	for _, block := range k.held.blocks {
		i := slices.IndexFunc(known, func(l revocation.List) bool { return bytes.Equal(l.DER, block) })
		switch {
		case i < 0:
			k.foreign("a list that is not a pinned CA's, or was superseded long ago")
		case known[i].Delta:
			k.foreign("a delta CRL of " + known[i].Issuer + ", which OpenSSL takes for a complete list")
		default:
			k.held.digests = append(k.held.digests, known[i].Digest())
		}
	}
	k.held.blocks = nil
	// What the file has had is not forgotten because another hand removed it.
	had := setOf(k.held.digests)
	maps.Copy(had, k.floor)
	k.floor = map[[32]byte]bool{}
	for i := range known {
		if digest := known[i].Digest(); had[digest] {
			k.floor[digest] = true
		}
	}
}

// write writes the file if it is not what it must be.
func (k *Keeper) write(p *plan) error {
	digests := make([][32]byte, len(p.lists))
	for i, l := range p.lists {
		digests[i] = l.Digest()
	}
	sum := sumOf(digests)
	if k.held.text != nil && slices.Equal(k.held.digests, digests) {
		rest := comparison(k.held.text)
		if k.held.ours = k.render(&rest, p.lists) == nil && len(rest) == 0; k.held.ours {
			k.held.text = nil
			k.pending.due = k.Reload != nil && k.lock.told() != sum
		}
	}
	if k.held.ours && slices.Equal(k.held.digests, digests) {
		return nil
	}
	info, err := k.lock.replace(k.held.info, func(w io.Writer) error { return k.render(w, p.lists) })
	if err != nil {
		return err
	}
	k.held = heldFile{known: true, path: k.held.path, info: info, ours: true, digests: digests}
	k.floor = setOf(digests)
	k.written = k.now()
	k.pending.due, k.pending.at, k.pending.wait = k.Reload != nil, time.Time{}, 0
	k.log(slog.LevelInfo, "CRL file of "+string(k.Program)+" written", slog.Int("lists", len(p.lists)), slog.Int64("octets", info.Size()))
	return nil
}

func setOf(digests [][32]byte) map[[32]byte]bool {
	set := make(map[[32]byte]bool, len(digests))
	for _, digest := range digests {
		set[digest] = true
	}
	return set
}

// sumOf identifies what a file holds.
func sumOf(digests [][32]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, digest := range digests {
		h.Write(digest[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
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
	if !t.due || t.wait > 0 && k.now().Before(t.at) {
		return
	}
	hook, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	if t.err = k.Reload(hook, k.File); t.err != nil {
		t.wait = min(max(2*t.wait, firstRetry), lastRetry)
		t.at = k.now().Add(t.wait)
		return
	}
	*t = tell{told: k.now()}
	k.lock.tell(sumOf(k.held.digests))
	k.log(slog.LevelInfo, "CRL file of "+string(k.Program)+" taken by the program")
}

// render writes the file's contents.
func (k *Keeper) render(w io.Writer, lists []*revocation.List) error {
	if k.Program == Envoy {
		return writeSecret(w, lists)
	}
	return writePEM(w, lists)
}
