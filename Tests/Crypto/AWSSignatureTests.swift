import Base
import Crypto
import Testing

/// The expected signatures are AWS's documented examples, or made by keystone's client.
@Suite struct AWSSignatureTests {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    let parameters = [
        "Action": "DescribeInstances", "Timestamp": "2026-11-21T02:30:31Z", "AWSAccessKeyId": "AKID",
        "b key": "ä/ü~*+ %",
        "B2": "x", "a.": "1",
    ]
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    func compute(version: String) -> AWSRequest {
        AWSRequest(
            verb: "GET", host: "compute.example.com:8773", path: "/services/Cloud/",
            parameters: parameters.merging(["SignatureVersion": version]) { $1 })
    }

    func listUsers(verb: String, bodyHash: String?) -> AWSRequest {
        AWSRequest(
            verb: verb, host: "iam.amazonaws.com", path: "/",
            parameters: ["Action": "ListUsers", "Version": "2010-05-08"],
            headers: [
                "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                    + "SignedHeaders=content-type;host;x-amz-date, Signature=5d",
                "Content-Type": " application/x-www-form-urlencoded; charset=utf-8", "Host": "iam.amazonaws.com",
                "X-Amz-Date": "20150830T123600Z",
            ], bodyHash: bodyHash)
    }

    @Test(arguments: [
        ("0", "fT4B7bqpJmKerrDCDa5X1iTG1CE="), ("1", "RKEPwD0mvqucnWT5arxmVZznLOg="),
        ("2", "mHZV7I1H7y88QCI6Hww+5y211mtUR+EW+cL/Ub3NdP4="),
    ])
    func theOldVersionsAreAsClientsMakeThem(version: String, signature: String) throws {
        #expect(try AWSSignature.ec2(compute(version: version), secret: secret) == signature)
        #expect(try AWSSignature.verifies(signature, of: compute(version: version), secret: secret))
        #expect(try !AWSSignature.verifies(signature, of: compute(version: version), secret: "other"))
    }

    @Test func version4IsAsClientsMakeIt() throws {
        #expect(
            try AWSSignature.ec2(listUsers(verb: "GET", bodyHash: nothing), secret: secret)
                == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")
        #expect(
            try AWSSignature.ec2(listUsers(verb: "POST", bodyHash: "abc"), secret: secret)
                == "ffac252efabdba1371d81e25077ca7665461e98e7773667adabc38a5050ec509")
    }

    @Test func version4MayBeInTheQuery() throws {
        let request = AWSRequest(
            verb: "GET", host: "iam.amazonaws.com", path: "/",
            parameters: [
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": "AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request", "X-Amz-Date": "20150830T123600Z",
                "X-Amz-SignedHeaders": "host",
            ], headers: ["Host": "iam.amazonaws.com"], bodyHash: "UNSIGNED-PAYLOAD")
        let signature = "8fd87b106f3c8307b9133d5db42f531ff8cf01263c7c5719017f5290beb4e5ae"
        #expect(try AWSSignature.ec2(request, secret: secret) == signature)
    }

    @Test func aHostMayBeSignedWithoutItsPort() throws {
        let signature = "LUOi8TExb4ewgUllIkOsFzeJK8Jilx5+l5ovlY0rCAg="
        #expect(try AWSSignature.verifies(signature, of: compute(version: "2"), secret: secret))
    }

    @Test func whatIsMissingIsSaid() {
        var other = compute(version: "9")
        #expect(throws: Failure.self) { try AWSSignature.ec2(other, secret: secret) }
        other.parameters["SignatureVersion"] = nil
        #expect(throws: Failure.self) { try AWSSignature.ec2(other, secret: secret) }
        #expect(throws: Failure.self) { try AWSSignature.ec2(listUsers(verb: "GET", bodyHash: nil), secret: secret) }
        var tomorrow = listUsers(verb: "GET", bodyHash: nothing)
        tomorrow.headers["X-Amz-Date"] = "20150831T123600Z"
        #expect(throws: Failure.self) { try AWSSignature.ec2(tomorrow, secret: secret) }
    }

    @Test func s3SignsInTwoWays() throws {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        let old = "GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"
        #expect(try AWSSignature.s3(Array(old.utf8), secret: secret) == "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=")
        let new =
            "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
            + "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
        #expect(
            try AWSSignature.s3(Array(new.utf8), secret: secret)
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test(arguments: [
        "AWS4-HMAC-SHA256\nx\n20130524/us-east-1/s3/aws4_request",
        "AWS4-HMAC-SHA256\nx\n20130524/us-east-1/ec2/aws4_request\nhash",
        "AWS4-HMAC-SHA256\nx\n20130524/us-east-1/s3/aws3_request\nhash",
        "AWS4-HMAC-MD5\nx\n20130524/us-east-1/s3/aws4_request\nh",
    ])
    func s3RefusesAnotherScope(signed: String) {
        #expect(throws: Failure.self) { try AWSSignature.s3(Array(signed.utf8), secret: secret) }
    }
}
