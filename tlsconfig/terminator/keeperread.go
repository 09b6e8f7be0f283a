// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strconv"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// read looks at what the file holds, unless it is as it was left. What it holds is
// added to what is known, so that nothing older takes its place.
func (k *Keeper) read(path string) error {
	info, data, err := readFile(path, func(info fs.FileInfo) bool { return !k.contents.same(path, info) })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.edited()
		k.contents = contents{known: true, path: path}
		return nil
	case err != nil:
		return err
	case data == nil:
		return nil
	}
	k.edited()
	k.contents = contents{known: true, path: path, info: info, text: data}
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
			k.contents.blocks = append(k.contents.blocks, block.Bytes)
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
	if k.contents.ours {
		k.log(slog.LevelWarn, "CRL file of "+string(k.Program)+" was changed by another hand")
	}
}

// foreign notes, and says, what does not belong into the file.
func (k *Keeper) foreign(what string) {
	const enough = 20
	if len(k.contents.foreign) < enough {
		k.contents.foreign = append(k.contents.foreign, what)
		k.log(slog.LevelWarn, "CRL file of "+string(k.Program)+" held what does not belong there", slog.String("what", what))
	}
}

// recognise finds the lists that the file was found to hold among those that are
// known.
func (k *Keeper) recognise(known []revocation.List) {
	for _, block := range k.contents.blocks {
		i := slices.IndexFunc(known, func(l revocation.List) bool { return bytes.Equal(l.DER, block) })
		switch {
		case i < 0:
			k.foreign("a list that is not a pinned CA's, or was superseded long ago")
		case known[i].Delta:
			k.foreign("a delta CRL of " + known[i].Issuer + ", which OpenSSL takes for a complete list")
		default:
			k.contents.digests = append(k.contents.digests, known[i].Digest())
		}
	}
	k.contents.blocks = nil
	// What the file has had is not forgotten because another hand removed it.
	had := setOf(k.contents.digests)
	maps.Copy(had, k.floor)
	k.floor = map[[32]byte]bool{}
	for i := range known {
		if digest := known[i].Digest(); had[digest] {
			k.floor[digest] = true
		}
	}
}
