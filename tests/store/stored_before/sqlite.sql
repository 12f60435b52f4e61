BEGIN TRANSACTION;
CREATE TABLE arrivals (
            number INTEGER PRIMARY KEY,
            channel TEXT NOT NULL,
            at REAL NOT NULL,
            seconds REAL NOT NULL
        ) STRICT
        ;
INSERT INTO "arrivals" VALUES(1,'kapow',1800000000.0,8.5);
INSERT INTO "arrivals" VALUES(2,'kapow',1799999999.0,9.5);
INSERT INTO "arrivals" VALUES(3,'kapow',1799999998.0,10.5);
CREATE TABLE challenges (
            challenge_id TEXT PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
            guid TEXT NOT NULL,
            digest BLOB NOT NULL,
            masked_destination TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            attempts_left INTEGER NOT NULL CHECK (attempts_left > 0),
            last_sent_at REAL NOT NULL,
            return_to TEXT NOT NULL,
            start_digest TEXT NOT NULL
        , number_digest BLOB NOT NULL DEFAULT x'', factor TEXT NOT NULL DEFAULT 'sms') STRICT
        ;
INSERT INTO "challenges" VALUES('challenge-of-anna','session-of-anna','5f6a1c3e-0000-4000-8000-000000000001',X'782E1EBEC52237AA72961209E6DC67CB7159FEC0593594CD20AB2DAE82CA4259','•••••••• 456',1800000000.0,1800000300.0,4,1800000001.0,'https://wiki.corp.example/a?b=c','start-of-anna',X'E76DB3A3D2FC59167501C55A180DE5538AF3D2DE427D55E0B15B78FA5B14428C','sms');
INSERT INTO "challenges" VALUES('challenge-of-ben','session-of-ben','5f6a1c3e-0000-4000-8000-000000000002',X'9AC843BAEDB17131533FA1057889A88851C19C5BBF6554E59C48CB3206FCF319','b•••@corp.example',1800000000.0,1800000300.0,5,1800000000.0,'https://wiki.corp.example/a?b=c','start-of-anna',X'85A21D9A3A5184DA15DFAB0933522EFEB907104B565D2BAF75FFB2B20F9D111F','email');
INSERT INTO "challenges" VALUES('challenge-of-cara','session-of-cara','5f6a1c3e-0000-4000-8000-000000000003',X'4214C641004FE2DC2D83085CF8B2D30017179230DF70E8E38C4FDC0B949F4475','c•••@corp.example',1800000000.0,1800000300.0,5,1800000000.0,'','',X'F9B67077896BF0A81F802B6C22F8F77775B9AF5E9F696E99B8F8674D8C7E056C','sms');
CREATE TABLE cookies (
            cookie BLOB PRIMARY KEY,
            host TEXT NOT NULL,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "cookies" VALUES(X'9A81836777CA090AFCE16F2FD0B6486B7E56D12F39442CC831B626CAE21AF191','signin.corp.example','session-of-dan');
INSERT INTO "cookies" VALUES(X'A14DB5A8BF98A6D61D40D24A6775FDFC2B367ED79F2DFD3F9244BD74C07F48AC','signin.corp.example','session-of-anna');
INSERT INTO "cookies" VALUES(X'AEEC5F56F778767BFF9F1DE4CB408352A6631ED74ABFEA5584ADDFE2D43C1ADA','signin.corp.example','session-of-eve');
INSERT INTO "cookies" VALUES(X'BFF33705A208586A7E1B6188C7F82B58EAF1BCC98420F4F16291E21C956B799F','signin.corp.example','session-of-ben');
INSERT INTO "cookies" VALUES(X'E5E772AA1C0B23774B5C32E62FB5DC051495443E96F020C6EA255168A2D42773','wiki.corp.example','session-of-eve');
INSERT INTO "cookies" VALUES(X'F0EFBCB389B83A99B63D8E6F13D92CAF94CA0BD03C3E542680425A17CBF090CF','signin.corp.example','session-of-gus');
INSERT INTO "cookies" VALUES(X'F6CB2ED16F200613260BD7633AAD157B2D46FE7A12D482C65E69347C75B934AB','signin.corp.example','session-of-cara');
CREATE TABLE counters (
            key BLOB PRIMARY KEY,
            value INTEGER NOT NULL CHECK (value >= 0),
            window_ends_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "counters" VALUES(X'0C1751D0A535B67EAFD4EFC18CD3EFCE86F416BAB9196DEEA01BC118F4AE59BB',1,1800001860.0);
INSERT INTO "counters" VALUES(X'0D39CDCA3300A81650EFA402A7EDCE573E7955E5B49E5875ED2E67CA9222AD51',1,1834559000.0);
INSERT INTO "counters" VALUES(X'0DBAA86F3AA45985AA755FC8C1A0726A6F47E8761050E5F9BD45ADB5298743A2',2,1800001850.0);
INSERT INTO "counters" VALUES(X'0F2C546AC3FDED5FD45807C85DD75DCDC628DBAA74EC9CE9F359F4251781C6D3',1,4953600000.0);
INSERT INTO "counters" VALUES(X'3E74E7326221A812DFA5B73CF79C386F54E1AE0DBFEAA56F02933B0C8D783571',2,1800001850.0);
INSERT INTO "counters" VALUES(X'44BB10D1723E0D7AB7280E6C564E7BEFA23F5BC390718EE75C2180CC3091C7CF',2,1800001780.0);
INSERT INTO "counters" VALUES(X'507F310EC80B21E533902D6CB4F54833F4CF4E96D3A8560750BC2F945AF2F6A2',1,1800001800.0);
INSERT INTO "counters" VALUES(X'77726F6E672070617373776F7264277320646967657374',1,1800001860.0);
INSERT INTO "counters" VALUES(X'796C02884EDB5658F1F8CA4A620FE41357A78A200D0110356675EACC752256A6',2,1800001850.0);
INSERT INTO "counters" VALUES(X'7E98FE7DC74A499B123C1D0045131707EE21D6063C4105C967FC6066D61FE14D',1,1800001800.0);
INSERT INTO "counters" VALUES(X'94494AB8FF67AECEB10A43D0C60FB077A934FDD6E15E464D031AB133AE821662',1,1800001800.0);
INSERT INTO "counters" VALUES(X'A5D950EFA25A1685367297D324F41EA3EBC71821A47E26E5562C571090E20011',1,1800001800.0);
INSERT INTO "counters" VALUES(X'B98408B9B5D36061917FA653B6AB149587F7AFBFA5632327D7D42F783DD923AB',1,1800086400.0);
INSERT INTO "counters" VALUES(X'E785B20367EBAF41F3F35A9890345EF27D4C8319EB1E4E12B387F7F3AEB7A0FA',1,1800001860.0);
INSERT INTO "counters" VALUES(X'F3617D7817F19EBA81A1F57450B2F10B23ABF4E0135BD4AFBF9B5F06E34AF8EB',2,1800001850.0);
INSERT INTO "counters" VALUES(X'F38C76971496B436B8329DB0FEA581460F03F56C3BF4198DF21DD14C78349590',1,1800003600.0);
CREATE TABLE delivery_failures (
            message_id TEXT PRIMARY KEY,
            failed_at REAL NOT NULL,
            record TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "delivery_failures" VALUES('<one@corp.example>',1800000003.0,'{"v":1,"message_id":"<one@corp.example>","guid":"5f6a1c3e-0000-4000-8000-000000000001","realm":"corp","username":"anna","channel":"kapow","destination":"\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022 456","sent_at":1800000000.0,"reason":"number_refused","detail":"550 no such number \u2026","failed_at":1800000003.0}');
CREATE TABLE familiar_addresses (
            person BLOB NOT NULL,
            address BLOB NOT NULL,
            expires_at REAL NOT NULL,
            PRIMARY KEY (person, address)
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "familiar_addresses" VALUES(X'5A10DA745DE5E71B37B0150F78D114A1CB65DF1A1E39CEBE4BCD1074D9A13B36',X'6D3017262F857ED55EBBDF78BF1FFAD736AAAE7AAD655422E1095B2593728E9B',1803628800.0);
CREATE TABLE flushes (worker TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "flushes" VALUES('a worker',1);
CREATE TABLE former_cookies (
            cookie BLOB PRIMARY KEY,
            host TEXT NOT NULL,
            guid TEXT NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "former_cookies" VALUES(X'69E86713E6607C7CFCD92D64324C248852C42B506737FC17A4B916FFE095AC03','wiki.corp.example','5f6a1c3e-0000-4000-8000-000000000006',1800003600.0);
CREATE TABLE kept_requests (
            digest BLOB PRIMARY KEY,
            sealed BLOB NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT
        ;
INSERT INTO "kept_requests" VALUES(X'C4DAFD3FCD2C508C72729773C09EB2F5DAEFFA1CA94158DCF83A0B118ECA8808',X'B75F55E0178E1310A05EE0C865FED978E7C41C001158DE48CC5897DBEFD668C044AE604E540D792DA8DC4ABBD9AAD98D3A58A10C98E547D069BCE91CC02C14EFECE7F2DA99C9C68D7F4FA77440B174DC72DFE0ECAE90BDC2940D19BAFE2E2AA616F6CD4BF6AC022A643CE22AE4DCF5A08D06DFC5E54F941A71D519B96459ED7243144FA5D53C87356FBCB1AE44AA23EC565F30C22F80D620CF3BE1B6AE959E4B9F38E9A9405DC7C98792D413D3001FF53FE84D745569EFD156C5202FFFF02C988B654C84B5809C18D025E14F1F81',1800000600.0);
CREATE TABLE known_numbers (
            guid TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            sealed BLOB NOT NULL,
            used_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "known_numbers" VALUES('5f6a1c3e-0000-4000-8000-000000000005',X'F42B02C2A4588416CFD6A116D6F6F4FBB78E79DB24E698BE49ED610CB5F0CA29',X'29CBC975D7695C0FE7D38AFA88A763965FAE4BC0553A5839923C69366E19948B3149B82043B9D428F3',1800000000.0);
CREATE TABLE leases (
            name TEXT PRIMARY KEY,
            holder TEXT NOT NULL,
            ends_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "leases" VALUES('upkeep','a worker',1800000060.0);
CREATE TABLE notices (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            session_id TEXT NOT NULL,
            guid TEXT NOT NULL,
            told_by TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        ;
INSERT INTO "notices" VALUES(1,'created','session-of-anna','5f6a1c3e-0000-4000-8000-000000000001','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(2,'created','session-of-ben','5f6a1c3e-0000-4000-8000-000000000002','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(3,'created','session-of-cara','5f6a1c3e-0000-4000-8000-000000000003','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(4,'created','session-of-dan','5f6a1c3e-0000-4000-8000-000000000004','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(5,'created','session-of-eve-at-first','5f6a1c3e-0000-4000-8000-000000000005','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(6,'created','session-of-eve','5f6a1c3e-0000-4000-8000-000000000005','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(7,'ended','session-of-eve-at-first','5f6a1c3e-0000-4000-8000-000000000005','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(8,'created','session-of-gus','5f6a1c3e-0000-4000-8000-000000000007','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(9,'created','session-of-fay','5f6a1c3e-0000-4000-8000-000000000006','e0d50adf38001a18',1800000000.0);
INSERT INTO "notices" VALUES(10,'ended','session-of-fay','5f6a1c3e-0000-4000-8000-000000000006','e0d50adf38001a18',1800000000.0);
CREATE TABLE predecessors (store_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE sendings (
            message_id TEXT PRIMARY KEY,
            challenge_id TEXT NOT NULL,
            sent_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            record TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "sendings" VALUES('<one@corp.example>','challenge-of-anna',1800000000.0,1800259200.0,'{"v":1,"message_id":"<one@corp.example>","challenge_id":"challenge-of-anna","guid":"5f6a1c3e-0000-4000-8000-000000000001","realm":"corp","username":"anna","channel":"kapow","kind":"sms","destination":"\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022 456","outcome":"accepted","sent_at":1800000000.0,"report_id":"4711","status":"failed","reason":"number_refused","has_tag":true}');
INSERT INTO "sendings" VALUES('<three@corp.example>','challenge-of-anna',1800000002.0,1800259202.0,'{"v":1,"message_id":"<three@corp.example>","challenge_id":"challenge-of-anna","guid":"5f6a1c3e-0000-4000-8000-000000000001","realm":"corp","username":"anna","channel":"","kind":"","destination":"\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022 456","outcome":"unavailable","sent_at":1800000002.0,"report_id":"","status":"","reason":"","has_tag":false}');
INSERT INTO "sendings" VALUES('<two@corp.example>','challenge-of-anna',1800000001.0,1800259201.0,'{"v":1,"message_id":"<two@corp.example>","challenge_id":"challenge-of-anna","guid":"5f6a1c3e-0000-4000-8000-000000000001","realm":"corp","username":"anna","channel":"email","kind":"email","destination":"a\u2022\u2022\u2022@corp.example","outcome":"unknown","sent_at":1800000001.0,"report_id":"","status":"","reason":"","has_tag":false}');
CREATE TABLE sessions (
            session_id TEXT PRIMARY KEY,
            guid TEXT NOT NULL,
            principal TEXT NOT NULL,
            scheme TEXT NOT NULL,
            factors TEXT NOT NULL,
            created_at REAL NOT NULL,
            last_used_at REAL NOT NULL,
            client_address TEXT NOT NULL,
            user_agent TEXT NOT NULL
        , password_must_change INTEGER NOT NULL DEFAULT 0, proven TEXT NOT NULL DEFAULT '') STRICT
        ;
INSERT INTO "sessions" VALUES('session-of-anna','5f6a1c3e-0000-4000-8000-000000000001','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000001","realm":"corp","username":"anna","display_name":"Anna \u00d6gmundsd\u00f3ttir","mail":"anna@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','browser','["password","sms"]',1800000000.0,1800000000.0,'192.0.2.7','Mozilla/5.0 (X11)',0,'[["password",1800000000.0]]');
INSERT INTO "sessions" VALUES('session-of-ben','5f6a1c3e-0000-4000-8000-000000000002','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000002","realm":"corp","username":"ben","display_name":"Ben \u00d6gmundsd\u00f3ttir","mail":"ben@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','browser','["password","email"]',1800000000.0,1800000000.0,'192.0.2.7','Mozilla/5.0 (X11)',0,'[["password",1800000000.0]]');
INSERT INTO "sessions" VALUES('session-of-cara','5f6a1c3e-0000-4000-8000-000000000003','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000003","realm":"corp","username":"cara","display_name":"Cara \u00d6gmundsd\u00f3ttir","mail":"cara@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','browser','["kerberos","sms"]',1800000000.0,1800000000.0,'192.0.2.7','Mozilla/5.0 (X11)',0,'[["kerberos",1800000000.0]]');
INSERT INTO "sessions" VALUES('session-of-dan','5f6a1c3e-0000-4000-8000-000000000004','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000004","realm":"corp","username":"dan","display_name":"Dan \u00d6gmundsd\u00f3ttir","mail":"dan@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','browser','["password"]',1800000000.0,1800000000.0,'192.0.2.7','Mozilla/5.0 (X11)',1,'[["password",1800000000.0]]');
INSERT INTO "sessions" VALUES('session-of-eve','5f6a1c3e-0000-4000-8000-000000000005','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000005","realm":"corp","username":"eve","display_name":"Eve \u00d6gmundsd\u00f3ttir","mail":"eve@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','browser','["password","sms"]',1799999970.0,1799999995.0,'192.0.2.7','Mozilla/5.0 (X11)',0,'[["password",1799999940.0],["sms",1799999970.0]]');
INSERT INTO "sessions" VALUES('session-of-gus','5f6a1c3e-0000-4000-8000-000000000007','{"v":1,"guid":"5f6a1c3e-0000-4000-8000-000000000007","realm":"corp","username":"gus","display_name":"Gus \u00d6gmundsd\u00f3ttir","mail":"gus@corp.example","mobiles":["07400 123456"],"mobile_changed_at":1790000000.0,"is_mobile_change_unread":false,"groups":["Gatepost Admins","Wiki Users"],"all_groups":["Everybody","Wiki Users"],"password_expires_at":1800086400.0,"password_set_at":1799913600.0}','admins','["password","sms"]',1799999400.0,1799999400.0,'192.0.2.7','Mozilla/5.0 (X11)',0,'[["password",1799999400.0],["sms",1799999990.0],["email",1799999700.0]]');
CREATE TABLE store_file (
            number INTEGER PRIMARY KEY CHECK (number = 1),
            store_id TEXT NOT NULL,
            made_at REAL NOT NULL,
            all_ended_at REAL NOT NULL DEFAULT 0.0,
            is_doubted INTEGER NOT NULL DEFAULT 0,
            tried BLOB NOT NULL DEFAULT x''
        ) STRICT
        ;
INSERT INTO "store_file" VALUES(1,'df002c9d62d0612339917763ec414eaf',1.7960223434099926948e+09,0.0,0,X'');
CREATE TABLE tickets (
            ticket BLOB PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
            host TEXT NOT NULL,
            start_digest TEXT NOT NULL,
            return_to TEXT NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        ;
INSERT INTO "tickets" VALUES(X'BD92A88AFEC7AB45716E2634380014BC494B0301D9DC3063645662D6397F64F4','session-of-eve','wiki.corp.example','start-of-eve','https://wiki.corp.example/a?b=c',1800000030.0);
CREATE INDEX sessions_by_guid ON sessions (guid);
CREATE INDEX cookies_by_session ON cookies (session_id);
CREATE INDEX challenges_by_session ON challenges (session_id);
CREATE INDEX tickets_by_session ON tickets (session_id);
CREATE INDEX sendings_by_challenge ON sendings (challenge_id);
CREATE INDEX delivery_failures_by_instant ON delivery_failures (failed_at);
CREATE INDEX arrivals_by_channel ON arrivals (channel);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('notices',10);
PRAGMA user_version = 10;
COMMIT;
