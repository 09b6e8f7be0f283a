// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/nginx"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// An outcome is what a whole handshake, and a request over it, came to.
type outcome struct {
	err    error  // of the handshake
	asked  bool   // the server's first flight came whole, and asks for a certificate
	status int    // of the answer; 0: none came, or none of HTTP/1
	format string // the answer's Content-Type; empty: not known
	page   bool   // the answer is the page by which nginx refuses a certificate
	spoke  bool   // an answer came, whatever it says
	state  tls.ConnectionState
	first  bytes.Buffer // what the server sent, from its hello on
	// after is the error that ended the connection once the client thought that
	// the handshake was over.
	after error
}

// refuses reports whether the client got nothing, no handshake or an answer by
// which proxies refuse a certificate, and whether that can be told: a handler may
// answer the good client with the same status, which is not known if there was none
// (good is nil). A proxy's own answer is of another format than that of the server behind it.
func (o *outcome) refuses(good *outcome) (refused, told bool) {
	answered := good != nil && good.status != 0
	switch {
	case o.err != nil:
		// What ends a handshake before a certificate is asked for has another reason.
		return true, isRemote(o.err) && o.asked
	case o.status == 0:
		// A server that refuses ends the connection. One that is silent until the time is
		// out, or answers in another protocol, may do so to clients that it accepts.
		return true, !o.spoke && isRemote(o.after) && answered
	}
	switch o.status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, 495, 496:
		return true, o.page || answered && (good.status != o.status || good.format != "" && o.format != "" && good.format != o.format)
	}
	return false, true
}

func (o *outcome) String() string {
	switch {
	case o.err != nil:
		return "the handshake fails: " + strings.TrimPrefix(o.err.Error(), "remote error: ")
	case o.spoke && o.status == 0:
		return fmt.Sprintf("the handshake succeeds: %v", o.after)
	case o.status == 0:
		return fmt.Sprintf("the connection ends without an answer: %v", o.after)
	}
	text := fmt.Sprintf("the handshake succeeds and a request is answered with %d", o.status)
	if o.format != "" {
		text += " (" + o.format + ")"
	}
	return text
}

// handshake makes a whole handshake with crypto/tls and one request.
func (q *questions) handshake(ctx context.Context, cert *tls.Certificate, sessions tls.ClientSessionCache) (o outcome) {
	conn, err := q.dial(ctx)
	if err != nil {
		return outcome{err: err}
	}
	defer conn.Close()
	config := q.config(cert)
	config.ClientSessionCache = sessions
	client := tls.Client(recorder{conn, &o.first}, config)
	if o.err = client.HandshakeContext(ctx); o.err != nil {
		f, err := readFlight(bytes.NewReader(o.first.Bytes()))
		o.asked = err == nil && f.requested
		return o
	}
	o.state = client.ConnectionState()
	if _, o.after = fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", q.name); o.after != nil {
		return o
	}
	// As much of a status line as says that it is one.
	line := make([]byte, len("HTTP/1.1 200"))
	n, err := io.ReadFull(client, line)
	if o.spoke, o.after = n > 0, err; err != nil {
		return o
	}
	if _, err := fmt.Sscanf(string(line), "HTTP/1.%d %d", new(int), &o.status); err != nil {
		o.after = errors.New("the answer is not one of HTTP/1")
		return o
	}
	o.format, o.page = answer(client, o.status)
	return o
}

// answer reads an answer of which the status was read, and returns its Content-Type,
// without the parameters, or nothing if the header cannot be read. page: it is the page by
// which nginx refuses a certificate.
func answer(r io.Reader, status int) (format string, page bool) {
	lines := textproto.NewReader(bufio.NewReader(io.LimitReader(r, maxAnswer)))
	if _, err := lines.ReadLine(); err != nil {
		return "", false
	}
	header, err := lines.ReadMIMEHeader()
	if err != nil {
		return "", false
	}
	contentType := header.Get("Content-Type")
	if format, _, err = mime.ParseMediaType(contentType); err != nil {
		return "", false
	}
	if status != http.StatusBadRequest {
		return format, false
	}
	body, _ := io.ReadAll(lines.R) // of a page that is cut short, too
	return format, nginx.RefusesCertificate(status, contentType, body)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// config returns that of a client, with a certificate or, if it is nil, without one.
func (q *questions) config(cert *tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: nativeIDs(), ServerName: q.name,
		InsecureSkipVerify: true, // the server's certificate is a question of its own
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return new(tls.Certificate), nil
			}
			return cert, nil
		},
	}
}

func nativeIDs() (ids []uint16) {
	for _, s := range tlsconfig.Suites() {
		if s.Native() {
			ids = append(ids, uint16(s))
		}
	}
	return ids
}

const (
	subjectNoClient = "a client without a certificate"
	subjectGood     = "the good client"
)

// clients asks what the server does with clients: none, good and bad.
func (q *questions) clients(ctx context.Context) {
	if !slices.ContainsFunc(q.taken, tlsconfig.Suite.Native) {
		q.report.add(clauseTLSMA, subjectNoClient, Undecided, "", "crypto/tls has none of the suites that the server takes")
		return
	}
	var good *outcome
	if q.Certificate == nil {
		q.report.add(clauseTLSMA, subjectGood, NotAsked, "", "no client certificate was given")
	} else {
		q.progress(subjectGood)
		o := q.handshake(ctx, q.Certificate, nil)
		good = &o
		if o.err == nil && o.status != 0 && !o.page {
			q.report.add(clauseTLSMA, subjectGood, Conformant, "", "%v", &o)
		} else {
			q.report.add(clauseTLSMA, subjectGood, Undecided, "", "%v; what it does with others may have another reason", &o)
		}
	}
	q.progress(subjectNoClient)
	o := q.handshake(ctx, nil, nil)
	q.judgeClient(subjectNoClient, "require a client certificate", &o, good)
	for _, bad := range q.Bad {
		q.progress("%s", bad.Why)
		o := q.handshake(ctx, &bad.Certificate, nil)
		q.judgeClient("a client certificate "+bad.Why, "verify chain, expiry, FQDN and revocation of every client certificate", &o, good)
	}
}

func (q *questions) judgeClient(subject, remedy string, o, good *outcome) {
	refused, told := o.refuses(good)
	switch {
	case !told && (o.status == 0 || good == nil || good.status == 0):
		q.report.add(clauseTLSMA, subject, Undecided, "", "%v, which does not tell whether it was refused", o)
	case !told:
		q.report.add(clauseTLSMA, subject, Undecided, "", "%v, and so is the good client's", o)
	case refused:
		q.report.add(clauseTLSMA, subject, Conformant, "", "%v", o)
	default:
		q.report.add(clauseTLSMA, subject, Departure, remedy, "%v", o)
	}
}

// isRemote reports whether a connection ended by the other end's will: by an alert, which
// crypto/tls gives no type but that of an operation, or by being closed.
func isRemote(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

// resumption asks whether sessions are resumed: what is checked then, only a
// revocation during the probe would tell.
func (q *questions) resumption(ctx context.Context) {
	const subject = "resumption of sessions"
	if q.Certificate == nil || !slices.ContainsFunc(q.taken, tlsconfig.Suite.Native) {
		q.report.add(clauseTLSMA, subject, NotAsked, "", "no client certificate was given, or no suite of crypto/tls is taken")
		return
	}
	q.progress(subject)
	sessions := tls.NewLRUClientSessionCache(1)
	if first := q.handshake(ctx, q.Certificate, sessions); first.err != nil {
		q.report.add(clauseTLSMA, subject, Undecided, "", "%v", &first)
		return
	}
	second := q.handshake(ctx, q.Certificate, sessions)
	resumed := second.err == nil && second.state.DidResume
	err := second.err
	if err == nil && !resumed {
		resumed, err = q.resumes(ctx)
	}
	switch {
	case err != nil:
		q.report.add(clauseTLSMA, subject, Undecided, "", "%v", err)
	case resumed:
		q.report.add(clauseTLSMA, subject, Advice, "switch tickets and session caches off, unless the certificate is verified again on resumption",
			"the server resumes sessions; whether a certificate that was revoked meanwhile is refused, a probe cannot tell")
	default:
		q.report.add(clauseTLSMA, subject, Conformant, "", "none, by ticket or by the session's identifier")
	}
}

// resumes reports whether the server goes on with a session that it knows by its
// identifier. crypto/tls knows tickets only, so the session begins with it, and a
// hello of ours asks to resume it: the server has shown its will by the time that
// keys would be wanted.
func (q *questions) resumes(ctx context.Context) (bool, error) {
	first := q.handshake(ctx, q.Certificate, nil)
	if first.err != nil {
		return false, first.err
	}
	began, err := readFlight(&first.first)
	if err != nil || len(began.session) == 0 {
		return false, err
	}
	again, err := q.ask(ctx, hello{version: tls.VersionTLS12, suites: []uint16{began.suite}, session: began.session})
	if err != nil && refused(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return again.resumed, nil
}

// A recorder keeps the beginning of what is read from a connection, which is a
// server's first flight.
type recorder struct {
	net.Conn
	read *bytes.Buffer
}

func (r recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.read.Write(b[:min(n, max(0, maxFlight-r.read.Len()))])
	return n, err
}

// SelfSigned makes a certificate that claims the subject of another, is for both
// ends, and is signed by its own key, which is the process's: no peer may accept it.
func SelfSigned(like *x509.Certificate) (BadCertificate, error) {
	key, err := selfSignedKey()
	if err != nil {
		return BadCertificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), RawSubject: like.RawSubject, DNSNames: like.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return BadCertificate{}, err
	}
	return BadCertificate{Why: "that signs itself", Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// selfSignedKey returns the key of all such certificates: making one takes longer than
// connecting with it.
var selfSignedKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
