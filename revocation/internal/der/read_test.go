// SPDX-License-Identifier: Apache-2.0

package der_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// Every second that is tried is read as package time reads it, whichever way it is
// written, and every day that there is not is refused.
func TestTimesAreThoseOfPackageTime(t *testing.T) {
	t.Parallel()
	element := func(tag asn1.Tag, text string) cryptobyte.String {
		var b cryptobyte.Builder
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
		return b.BytesOrPanic()
	}
	for year := 1950; year < 2150; year++ {
		for month := 0; month <= 13; month++ {
			for day := 0; day <= 32; day++ {
				clock := [3]int{(year + day) % 24, (month * day) % 60, (year * day) % 60}
				want := time.Date(year, time.Month(month), day, clock[0], clock[1], clock[2], 0, time.UTC)
				exists := want.Year() == year && int(want.Month()) == month && want.Day() == day
				text := []byte{
					byte('0' + year/1000), byte('0' + year/100%10), byte('0' + year/10%10), byte('0' + year%10), byte('0' + month/10), byte('0' + month%10),
					byte('0' + day/10), byte('0' + day%10), byte('0' + clock[0]/10), byte('0' + clock[0]%10),
					byte('0' + clock[1]/10), byte('0' + clock[1]%10), byte('0' + clock[2]/10), byte('0' + clock[2]%10), 'Z',
				}
				forms := []cryptobyte.String{element(asn1.GeneralizedTime, string(text))}
				if year < 2050 {
					forms = append(forms, element(asn1.UTCTime, string(text[2:])))
				}
				for _, form := range forms {
					rest := form
					seconds, ok := der.ReadTime(&rest)
					if ok != exists || ok && (!der.Time(seconds).Equal(want) || !rest.Empty()) {
						t.Fatalf("%s: read %v %v", form, der.Time(seconds), ok)
					}
				}
			}
		}
	}
	for _, form := range []cryptobyte.String{
		element(asn1.GeneralizedTime, "19491231235959Z"), element(asn1.GeneralizedTime, "20260101000000"), element(asn1.GeneralizedTime, "20260101000000.5Z"),
		element(asn1.GeneralizedTime, "20260101000000+0000"), element(asn1.UTCTime, "2601010000Z"), element(asn1.OCTET_STRING, "260101000000Z"), nil,
	} {
		_, ok := der.ReadTime(&form)
		assert.False(t, ok)
	}
}

func TestGeneralNames(t *testing.T) {
	t.Parallel()
	read := func(octets string) []der.GeneralName {
		names, ok := der.ReadGeneralNames(cryptobyte.String(octets))
		require.True(t, ok)
		return names
	}
	a := read("\x86\x08http://a\x82\x01b")
	assert.True(t, der.Share(a, read("\x86\x09HTTP://a/")))
	assert.True(t, der.Share(a, read("\x86\x01x\x82\x01b")))
	assert.False(t, der.Share(a, read("\x81\x01b")), "of another kind")
	assert.False(t, der.Share(a, read("\x82\x08http://a")), "of another kind")
	assert.False(t, der.Share(a, nil))
	assert.NotEqual(t, read("\x82\x01b")[0].Key(), read("\x81\x01b")[0].Key())
	assert.True(t, read("\xa4\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a")[0].Equal(read("\xa4\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x13\x01A")[0]))
	for _, octets := range []string{"", "\x89\x00", "\x06\x01a", "\xa6\x01a", "\x84\x02\x30\x00", "\x80\x00", "\xa4\x02\x31\x00", "\x86\x05a", string(bytes.Repeat([]byte("\x82\x00"), 257))} {
		_, ok := der.ReadGeneralNames(cryptobyte.String(octets))
		assert.False(t, ok, "%.20x", octets)
	}
}

// The content octets of an INTEGER are those that cryptobyte writes.
func TestIntegerContent(t *testing.T) {
	t.Parallel()
	for n := int64(-70000); n < 70000; n++ {
		var b cryptobyte.Builder
		b.AddASN1BigInt(big.NewInt(n))
		if want := b.BytesOrPanic()[2:]; !bytes.Equal(want, der.IntegerContent(big.NewInt(n))) {
			t.Fatalf("%d: %x, want %x", n, der.IntegerContent(big.NewInt(n)), want)
		}
	}
}

func TestExtensionsOneByOne(t *testing.T) {
	t.Parallel()
	one := func(oid, critical, value string) []byte {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oid)) })
			b.AddBytes([]byte(critical))
			b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		})
		return b.BytesOrPanic()
	}
	list := func(extensions ...[]byte) cryptobyte.String {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(extensions, nil)) })
		return b.BytesOrPanic()
	}
	var seen []string
	fault := der.ReadExtensions(list(one("\x2a\x03", "\x01\x01\xff", "a"), one("\x2a\x04", "", "b")), func(oid string, critical bool, value cryptobyte.String) string {
		seen = append(seen, der.OIDString(oid), map[bool]string{true: "critical"}[critical], string(value))
		return ""
	})
	assert.Empty(t, fault)
	assert.Equal(t, []string{"1.2.3", "critical", "a", "1.2.4", "", "b"}, seen)
	assert.Equal(t, "80", der.OIDString("\x80"))
	taken := func(string, bool, cryptobyte.String) string { return "" }
	for name, refused := range map[string]cryptobyte.String{
		"none": list(), "one twice": list(one("\x2a\x03", "", ""), one("\x2a\x04", "", ""), one("\x2a\x03", "", "")), "something behind": append(list(one("\x2a\x03", "", "")), 0),
		"FALSE aloud": list(one("\x2a\x03", "\x01\x01\x00", "")), "TRUE otherwise": list(one("\x2a\x03", "\x01\x01\x01", "")),
		"an identifier that does not end": list(one("\x2a\x83", "", "")), "an identifier with padding": list(one("\x2a\x80\x03", "", "")), "no identifier": list(one("", "", "")),
	} {
		assert.NotEmpty(t, der.ReadExtensions(refused, taken), name)
	}
}

// A signature of one kind is not taken for one of another, nor with another
// salt or hash.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey := testca.RSA("signer")
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("signed"))
	pkcs, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:])
	require.NoError(t, err)
	pss, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
	require.NoError(t, err)
	shortSalt, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 20})
	require.NoError(t, err)
	ec, err := ecdsa.SignASN1(rand.Reader, ecKey, digest[:])
	require.NoError(t, err)
	sha := "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
	identifiers := map[string]string{
		"PKCS": "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00",
		"PSS":  "\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f" + sha + "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" + sha + "\xa2\x03\x02\x01\x20",
		"EC":   "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
	}
	for identifier, octets := range identifiers {
		algorithm := der.SignatureAlgorithm([]byte(octets))
		require.NotNil(t, algorithm, identifier)
		for signature, octets := range map[string][]byte{"PKCS": pkcs, "PSS": pss, "short salt": shortSalt, "EC": ec, "none": nil} {
			for key, public := range map[string]crypto.PublicKey{"RSA": rsaKey.Public(), "EC": ecKey.Public(), "none": nil} {
				want := identifier == signature && (key == "EC") == (identifier == "EC") && key != "none"
				assert.Equal(t, want, algorithm.Verify(public, digest[:], octets) == nil, "%s, signature %s, key %s", identifier, signature, key)
			}
		}
	}
	assert.Nil(t, der.SignatureAlgorithm([]byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00")), "SHA-1")
	assert.Nil(t, der.SignatureAlgorithm([]byte("\x30\x05\x06\x03\x2b\x65\x70")), "Ed25519")
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	whole := sha256.Sum256(data)
	assert.Equal(t, whole[:], der.DigestBeside(crypto.SHA256, data)())
}
