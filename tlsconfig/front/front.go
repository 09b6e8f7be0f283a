// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A Front says who is at the other end of a request that came through a proxy
// which ended TLS, judged by the whole Verifier for each request. It is the peer
// source ([github.com/nrlsecurity/nrlsecurity/asid.PeerSource]) of a server behind
// such a proxy. The zero Front accepts no request's peer. Its fields must not change once it
// is used; it is safe for concurrent use.
type Front struct {
	// Form is how the proxy writes its client's certificate; required.
	Form Form

	// Verifier judges that certificate, as on a connection that ends here;
	// required.
	Verifier tlsconfig.Verifier

	// Suites narrows the guidance's list; nil: all of it. A connection to the
	// proxy that is not TLS 1.2 with one of them is refused.
	Suites []tlsconfig.Suite

	// Proxies are the addresses that the proxy connects from. The address is that
	// of the connection (ConnContext), never what a header says. An address alone
	// proves little, loopback being every local user's, so Secret is wanted too.
	Proxies []netip.Prefix

	// Secret is the value of SecretHeader that the proxy sends with each request,
	// of at least 128 bits: 32 characters or more. It is required over TCP; where
	// it is set, every request must carry it, whatever connection it came by.
	// Whatever listens at this server's address is told it. While the server is down
	// any user of its machine can listen at a port from 1024 on: with such users about
	// listen at a lower port or at a unix socket in a directory of this server's own.
	Secret string

	// UIDs are the users that the proxy may run as, if it connects by a unix
	// socket, which should be in a directory of its own; nil: root and this
	// process's own user. Such a connection needs no Secret, but see there.
	UIDs []int

	// ProxyPeers verifies the proxy's own certificate, if it connects by mutual
	// TLS: a *tlsconfig.Endpoint whose Verifier names the proxy. Such a connection
	// needs no Secret, but see there. Nil: such connections are refused.
	ProxyPeers interface {
		Peer(r *http.Request) (*x509.Certificate, error)
	}

	// InsecureNoSecret trusts every connection from one of Proxies. Any user of
	// a machine there, and whatever gets a header past the proxy, can then be any
	// client. Handler logs a warning. Connections that a Listener wraps in a type
	// without a NetConn method are refused nevertheless: who reads the PROXY
	// protocol, for one, has the address from its header.
	InsecureNoSecret bool

	// Timeout bounds the check of one peer; zero: 10 s.
	Timeout time.Duration

	// Logger gets one record for each peer that Middleware refuses, and one for
	// each field that loosens what is checked; nil: none. It is waited for no longer than
	// a second.
	Logger *slog.Logger

	once   sync.Once
	end    *tlsconfig.Endpoint // for its VerifyLeaf
	secret [sha256.Size]byte   // the hash of Secret
	leaves leaves
	late   bounded.Late // records that are not waited for any more
}

// prepare makes what all requests share.
func (f *Front) prepare() {
	f.once.Do(func() {
		f.end = &tlsconfig.Endpoint{Verifier: f.Verifier, Timeout: f.Timeout}
		f.secret = hashed(f.Secret)
	})
}

func (f *Front) log(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	record.Writer{Logger: f.Logger, Late: &f.late}.Write(ctx, level, text, attrs...)
}

// SecretHeader is the header by which a proxy proves that it is the proxy.
const SecretHeader = "Ssl-Proxy-Secret"

const minSecret = 32

// Validate returns what is missing or wrong in f.
func (f *Front) Validate() error {
	if _, ok := forms[f.Form]; !ok {
		return fmt.Errorf("front: there is no Form %q", string(f.Form))
	}
	if err := f.Verifier.Validate(x509.ExtKeyUsageClientAuth); err != nil {
		return fmt.Errorf("front: %w", err)
	}
	if f.Suites != nil && len(f.Suites) == 0 {
		return fmt.Errorf("front: the list of Suites is empty; nil stands for all of them")
	}
	for _, suite := range f.Suites {
		if _, err := tlsconfig.ParseSuite(suite.String()); err != nil {
			return fmt.Errorf("front: the Suites: %w", err)
		}
	}
	for _, proxy := range f.Proxies {
		if !proxy.IsValid() || proxy.Addr().Is4In6() { // connections have their IPv4 addresses as such
			return fmt.Errorf("front: no address is ever in the Proxies' %s", proxy)
		}
	}
	if f.Secret != "" && len(f.Secret) < minSecret {
		return fmt.Errorf("front: the Secret has %d characters, fewer than %d", len(f.Secret), minSecret)
	}
	// Such as the line feed of the file that it was read from.
	if strings.TrimSpace(f.Secret) != f.Secret || strings.ContainsFunc(f.Secret, unicode.IsControl) {
		return fmt.Errorf("front: the Secret begins or ends with space or has a control character, which no header can")
	}
	// Any client that reaches this server would be taken for the proxy.
	if end, ok := f.ProxyPeers.(*tlsconfig.Endpoint); ok && (end == nil || end.Verifier.AllowAnyFQDN) {
		return fmt.Errorf("front: the ProxyPeers have no Verifier whose FQDNs name the proxy")
	}
	if f.Timeout < 0 {
		return fmt.Errorf("front: the Timeout is negative")
	}
	if len(f.Proxies) > 0 && f.Secret == "" && !f.InsecureNoSecret {
		return fmt.Errorf("front: Proxies are named but no Secret: an address alone is no proof")
	}
	return nil
}

func hashed(secret string) [sha256.Size]byte {
	var room [256]byte // spares the allocation of a copy
	return sha256.Sum256(append(room[:0], secret...))
}
