//! What invented posts say, in many scripts: first of all that they are invented.
//!
//! The texts are parts of JSON strings: what has to be escaped is escaped here, as servers do.

/// A language: its code, the sentence that says that the post is invented, and others.
pub(super) type Language = (&'static str, &'static str, &'static [&'static str]);

/// Languages, the more frequent ones several times.
pub(super) const LANGUAGES: [Language; 20] = [
    ENGLISH,
    ENGLISH,
    ENGLISH,
    ENGLISH,
    ENGLISH,
    JAPANESE,
    JAPANESE,
    JAPANESE,
    (
        "pt",
        "Esta publicação é inventada.",
        &[
            "O foguete parte às nove.",
            "Hoje o céu está limpo e a lua, cheia.",
            "Mais café, por favor.",
        ],
    ),
    (
        "de",
        "Dieser Beitrag ist erfunden.",
        &[
            "Die Rakete startet um neun.",
            "Grüße vom Mond, es ist kühl hier oben.",
            "Noch ein Kaffee, dann geht es los.",
        ],
    ),
    (
        "es",
        "Esta publicación es inventada.",
        &[
            "El cohete sale a las nueve.",
            "¿Quién quiere más café?",
            "Mañana miramos las estrellas.",
        ],
    ),
    (
        "fr",
        "Cette publication est inventée.",
        &[
            "La fusée part à neuf heures.",
            "Où est passée la Lune ?",
            "Encore un café, s’il vous plaît.",
        ],
    ),
    (
        "ko",
        "이 게시물은 지어낸 것입니다.",
        &[
            "로켓은 아홉 시에 출발합니다.",
            "오늘은 달이 밝습니다.",
            "커피 한 잔 더 주세요.",
        ],
    ),
    (
        "uk",
        "Цей допис вигаданий.",
        &[
            "Ракета стартує о дев’ятій.",
            "Сьогодні ясне небо.",
            "Ще одну каву, будь ласка.",
        ],
    ),
    (
        "ar",
        "هذا المنشور مختلق.",
        &[
            "ينطلق الصاروخ في التاسعة.",
            "السماء صافية اليوم.",
            "قهوة أخرى من فضلك.",
        ],
    ),
    (
        "he",
        "הפוסט הזה מומצא.",
        &["הטיל יוצא בתשע.", "השמיים בהירים היום.", "עוד קפה, בבקשה."],
    ),
    (
        "hi",
        "यह पोस्ट काल्पनिक है।",
        &["रॉकेट नौ बजे उड़ेगा।", "आज आसमान साफ़ है।", "एक और कॉफ़ी, कृपया।"],
    ),
    (
        "th",
        "โพสต์นี้ถูกแต่งขึ้น",
        &["จรวดออกเวลาเก้าโมง", "วันนี้ท้องฟ้าแจ่มใส", "ขอกาแฟอีกแก้ว"],
    ),
    (
        "zh",
        "这条帖子是虚构的。",
        &["火箭九点出发。", "今天天空晴朗。", "请再来一杯咖啡。"],
    ),
    (
        "el",
        "Αυτή η ανάρτηση είναι επινοημένη.",
        &[
            "Ο πύραυλος φεύγει στις εννέα.",
            "Σήμερα ο ουρανός είναι καθαρός.",
            "Άλλον έναν καφέ, παρακαλώ.",
        ],
    ),
];

const ENGLISH: Language = (
    "en",
    "This post is invented.",
    &[
        "The rocket leaves at nine.",
        "Nobody wrote this, and nobody has to read it.",
        "Coffee first \\u0026 then the moon.",
        "I \\u003c3 clear skies.",
        "A line\\nand another one.",
        "They said \\\"ten, nine, eight\\\" and then nothing.",
        "Long nights, short countdowns.",
    ],
);

const JAPANESE: Language = (
    "ja",
    "この投稿は架空のものです。",
    &[
        "ロケットは九時に出発します。",
        "今夜は月がきれいですね。",
        "コーヒーをもう一杯ください。",
        "空が晴れて星がよく見えます。",
    ],
);

/// Single ones, joined ones, flags and skin tones.
pub(super) const EMOJI: [&str; 16] = [
    "🚀",
    "🌕",
    "✨",
    "☕",
    "👩‍🚀",
    "👨🏾‍🚀",
    "🇯🇵",
    "🏳️‍🌈",
    "❤️",
    "👍🏽",
    "1️⃣",
    "🛰️",
    "🪐",
    "🎉",
    "😭",
    "🐈‍⬛",
];
