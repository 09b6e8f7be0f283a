// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// State tells which document decides, which only stands and which is superseded.
func TestStateTellsWhichListsDecide(t *testing.T) {
	p := newCRLPKI(t)
	at := func(from time.Duration, number int64) revocationtest.CRL {
		return numbered(between(p.ca.crl(), from, time.Hour), number)
	}
	crls := crlsOf(t, at(-4*time.Hour, 4), at(-3*time.Hour, 5), at(-2*time.Hour, 9), at(-time.Hour, 7),
		deltaOf(between(p.ca.crl(leafSerial), -30*time.Minute, time.Hour), 8, 7), inScope(at(-time.Hour, 7), revocationtest.Scope{OnlyCACerts: true}),
		p.other.crl())
	crls.Time = clock
	_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
	require.NoError(t, err)
	state := crls.State()
	got := map[string]string{}
	for _, l := range state.Lists {
		assert.Equal(t, "added", l.Source)
		assert.Equal(t, "CN=Sub CA", l.Issuer)
		assert.Equal(t, ocspNow.Add(time.Hour), l.NextUpdate)
		kind := "complete"
		if l.Delta {
			kind = fmt.Sprintf("delta of %d", l.Entries)
		}
		what := "stands"
		switch {
		case l.Decides && l.Superseded:
			what = "both"
		case l.Decides:
			what = "decides"
		case l.Superseded:
			what = "superseded"
		}
		got[fmt.Sprintf("%s %s %s", l.Number, kind, l.Scope)] = what
	}
	assert.Equal(t, map[string]string{
		"4 complete all certificates of the issuer":   "superseded",
		"5 complete all certificates of the issuer":   "superseded",
		"9 complete all certificates of the issuer":   "stands",
		"7 complete all certificates of the issuer":   "decides",
		"8 delta of 1 all certificates of the issuer": "decides",
		"7 complete no name onlyContainsCACerts":      "decides",
	}, got)
	assert.Equal(t, 1, state.Unverified, "that of another CA")
}

// State tells how each URL was looked after.
func TestStateTellsOfLooks(t *testing.T) {
	p, o := newCRLPKI(t), newOCSPPKI(t)
	const url, missing, responder = "http://crl.example/1.crl", "http://mirror.example/1.crl", "http://ocsp.example/"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server, answers := &crlServer{}, &ocspServer{answer: answering(stateAt(o, ocsp.Revoked, time.Now(), time.Hour))}
		server.publish(url, p.ca.crl())
		crls, responses := &revocation.CRLs{Fetcher: server}, &revocation.OCSP{Fetcher: answers}
		start := time.Now().Round(0)
		_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(at(urls(url, missing)))), At: start})
		require.NoError(t, err)
		_, err = responses.Status(t.Context(), revocation.Query{Path: o.path(), At: start})
		require.NoError(t, err)
		synctest.Wait()
		for url, looks := range map[string][]revocation.Look{url: crls.State().Looks, missing: crls.Looks(), responder: responses.State().Looks} {
			var look *revocation.Look
			for i := range looks {
				if looks[i].URL == url {
					look = &looks[i]
				}
			}
			require.NotNil(t, look, url)
			if url == missing {
				assert.ErrorContains(t, look.Err, "404")
				assert.Zero(t, look.Last)
				assert.True(t, look.Next.After(start) && look.Next.Before(start.Add(time.Minute)), "%s", look.Next)
				continue
			}
			assert.NoError(t, look.Err)
			assert.Equal(t, start, look.Last)
			assert.True(t, look.Next.After(start) && !look.Next.After(start.Add(time.Hour)), "%s", look.Next)
		}
		require.Equal(t, []revocation.AnswerState{{
			Issuer: "CN=SubCA", Serial: big.NewInt(0xabcdef), Source: responder, Status: revocation.Revoked, ThisUpdate: ocspNow, NextUpdate: ocspNow.Add(time.Hour),
		}}, responses.State().Answers)
	})
}
