// SPDX-License-Identifier: Apache-2.0

import java.io.FileInputStream;
import java.security.cert.*;
import java.time.Instant;
import java.util.*;

/** Checks leaves against CRLs as the JDK does by itself: TIME ROOT CA LEAF... */
class MirrorClient {
    public static void main(String[] args) throws Exception {
        X509Certificate root = read(args[1]), ca = read(args[2]);
        for (String file : Arrays.copyOfRange(args, 3, args.length)) {
            CertPathValidator validator = CertPathValidator.getInstance("PKIX");
            PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.PREFER_CRLS,
                PKIXRevocationChecker.Option.NO_FALLBACK, PKIXRevocationChecker.Option.ONLY_END_ENTITY));
            PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
            parameters.setDate(Date.from(Instant.parse(args[0])));
            parameters.addCertPathChecker(checker);
            CertPath path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(read(file), ca));
            try {
                validator.validate(path, parameters);
                System.out.println("good");
            } catch (CertPathValidatorException e) {
                System.out.println(e.getReason());
                System.err.println(e);
            }
        }
    }

    static X509Certificate read(String file) throws Exception {
        try (FileInputStream in = new FileInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }
}
