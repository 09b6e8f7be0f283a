// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// renegotiation looks at the protection of RFC 5746, and asks whether a client may
// begin a second handshake within the first. The guidance does not mention it.
func (q *questions) renegotiation(ctx context.Context) {
	const secure = "secure renegotiation (RFC 5746)"
	switch {
	case q.seen == nil:
		q.report.add(clauseProtocol, secure, Undecided, "", "no handshake of TLS 1.2 got that far")
		return
	case q.seen.secureReneg:
		q.report.add(clauseProtocol, secure, Conformant, "", "the server knows it")
	default:
		q.report.add(clauseProtocol, secure, Advice, "update the TLS library", "the server does not know it")
	}
	const begun = "renegotiation begun by a client"
	q.progress(begun)
	var suites []uint16
	for _, suite := range q.taken {
		if gcmParameters[uint16(suite)].hash != nil {
			suites = append(suites, uint16(suite))
		}
	}
	if len(suites) == 0 {
		q.report.add(clauseProtocol, begun, NotAsked, "", "it is asked with ECDHE and GCM, which the server does not take")
		return
	}
	answer, err := q.renegotiate(ctx, suites)
	switch {
	case errors.Is(err, errFirstHandshake) && q.Certificate == nil:
		q.report.add(clauseProtocol, begun, NotAsked, "", "no client certificate was given")
	case err != nil && refused(err) && !errors.Is(err, errFirstHandshake):
		q.report.add(clauseProtocol, begun, Conformant, "", "refused: %v", err)
	case err != nil:
		q.report.add(clauseProtocol, begun, Undecided, "", "%v", err)
	case !q.seen.secureReneg:
		q.report.add(clauseProtocol, begun, Advice, "refuse it: without RFC 5746 an attacker's request can be put before a client's (CVE-2009-3555)", "%s", answer)
	default:
		q.report.add(clauseProtocol, begun, Advice, "refuse it: each one costs the server far more than its client", "%s", answer)
	}
}

var errFirstHandshake = errors.New("the first handshake fails")

// renegotiate makes a handshake with one of suites, and sends a second ClientHello
// over the connection. The error is nil if the server goes on with its ServerHello.
// crypto/tls begins no renegotiation, so its connection is left after the handshake,
// and its keys are those that it writes into a key log.
func (q *questions) renegotiate(ctx context.Context, suites []uint16) (answer string, err error) {
	conn, err := q.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var read, keys bytes.Buffer
	config := q.config(q.Certificate)
	config.CipherSuites, config.KeyLogWriter = suites, &keys
	client := tls.Client(recorder{conn, &read}, config)
	if err := client.HandshakeContext(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", errFirstHandshake, err)
	}
	first, err := readFlight(bytes.NewReader(read.Bytes()))
	if err != nil {
		return "", err
	}
	state := client.ConnectionState()
	records, err := newRecords(state.CipherSuite, first.random, keys.String())
	if err != nil {
		return "", err
	}
	second := hello{version: tls.VersionTLS12, suites: []uint16{state.CipherSuite}, serverName: q.name, verifyData: state.TLSUnique}
	if _, err := conn.Write(records.out.seal(recordHandshake, second.message())); err != nil {
		return "", err
	}
	if err := pastFinished(&read); err != nil {
		return "", err
	}
	in := io.MultiReader(&read, conn)
	for range 8 { // of HelloRequests and warnings, more are of no use to a server
		kind, body, err := records.in.open(in)
		switch {
		case err != nil:
			return "", closedOr(err)
		case kind == recordAlert && len(body) == 2 && (body[0] == 2 || tls.AlertError(body[1]) == noRenegotiation || body[1] == 0):
			return "", alert(body[1])
		case kind == recordHandshake && len(body) > 0 && body[0] == typeServerHello:
			return "the server begins another handshake", nil
		case kind != recordAlert && (kind != recordHandshake || len(body) == 0 || body[0] != typeHelloRequest):
			return "", fmt.Errorf("the server answers with a record of type %d", kind)
		}
	}
	return "", errors.New("the server answers with nothing but warnings")
}

// pastFinished reads what crypto/tls read up to the server's Finished, which is the
// record after its ChangeCipherSpec: what is left belongs to the records after it.
func pastFinished(read *bytes.Buffer) error {
	for changed := false; ; {
		header := read.Next(5)
		if len(header) < 5 {
			return errors.New("the server's Finished cannot be found")
		}
		read.Next(int(binary.BigEndian.Uint16(header[3:])))
		if changed {
			return nil
		}
		changed = header[0] == recordChangeCipherSpec
	}
}

// gcmParameters are those of the suites with which a renegotiation is asked for: the
// length of the keys, and the hash of the pseudorandom function.
var gcmParameters = map[uint16]struct {
	key  int
	hash func() hash.Hash
}{
	uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384): {32, sha512.New384},
	uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256): {16, sha256.New},
}

// records are the two directions of a connection after its handshake.
type records struct{ in, out direction }

// newRecords derives the keys of a connection (RFC 5246 section 6.3) from a key log,
// whose line has the client's random and the master secret.
func newRecords(suite uint16, serverRandom []byte, keyLog string) (*records, error) {
	line := strings.Fields(keyLog)
	if len(line) != 3 || line[0] != "CLIENT_RANDOM" {
		return nil, errors.New("crypto/tls logs no master secret")
	}
	clientRandom, err := hex.DecodeString(line[1])
	if err != nil {
		return nil, err
	}
	master, err := hex.DecodeString(line[2])
	if err != nil {
		return nil, err
	}
	p := gcmParameters[suite]
	block := expand(p.hash, master, slices.Concat([]byte("key expansion"), serverRandom, clientRandom), 2*p.key+2*saltSize)
	take := func(n int) (part []byte) {
		part, block = block[:n], block[n:]
		return part
	}
	clientKey, serverKey, clientSalt, serverSalt := take(p.key), take(p.key), take(saltSize), take(saltSize)
	in, err := newDirection(serverKey, serverSalt)
	if err != nil {
		return nil, err
	}
	out, err := newDirection(clientKey, clientSalt)
	if err != nil {
		return nil, err
	}
	return &records{in, out}, nil
}

// expand is P_hash of RFC 5246 section 5.
func expand(hash func() hash.Hash, secret, seed []byte, n int) (out []byte) {
	mac := func(texts ...[]byte) []byte {
		h := hmac.New(hash, secret)
		for _, text := range texts {
			h.Write(text)
		}
		return h.Sum(nil)
	}
	for a := mac(seed); len(out) < n; a = mac(a) {
		out = append(out, mac(a, seed)...)
	}
	return out[:n]
}

// A direction seals or opens the records of one end with AES-GCM (RFC 5288).
type direction struct {
	aead     cipher.AEAD
	salt     []byte
	sequence uint64
}

const (
	saltSize  = 4
	nonceSize = 8 // of a nonce, the part that stands in the record
)

func newDirection(key, salt []byte) (direction, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return direction{}, err
	}
	aead, err := cipher.NewGCM(block)
	return direction{aead, salt, 1}, err // record 0 was the Finished
}

// next returns the additional data of the next record.
func (d *direction) next(kind byte, length int) []byte {
	data := binary.BigEndian.AppendUint64(nil, d.sequence)
	d.sequence++
	return binary.BigEndian.AppendUint16(append(data, kind, 3, 3), uint16(length))
}

// seal returns the record of a message. The sequence is the nonce, as in crypto/tls,
// so that none is used twice.
func (d *direction) seal(kind byte, message []byte) []byte {
	nonce := binary.BigEndian.AppendUint64(nil, d.sequence)
	sealed := d.aead.Seal(nonce, slices.Concat(d.salt, nonce), message, d.next(kind, len(message)))
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(sealed))), sealed...)
}

// open reads a record.
func (d *direction) open(r io.Reader) (kind byte, message []byte, err error) {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	length := int(binary.BigEndian.Uint16(header[3:]))
	if length < nonceSize+d.aead.Overhead() || length > maxRecord {
		return 0, nil, fmt.Errorf("the peer sent a record of %d octets", length)
	}
	sealed := make([]byte, length)
	if _, err := io.ReadFull(r, sealed); err != nil {
		return 0, nil, err
	}
	nonce, sealed := sealed[:nonceSize], sealed[nonceSize:]
	message, err = d.aead.Open(nil, slices.Concat(d.salt, nonce), sealed, d.next(header[0], len(sealed)-d.aead.Overhead()))
	if err != nil {
		return 0, nil, fmt.Errorf("a record of the peer cannot be read: %w", err)
	}
	return header[0], message, nil
}
