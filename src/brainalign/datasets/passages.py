"""Short passages of plain English, written for this book: what a language model reads where no story is at hand."""

from __future__ import annotations

PASSAGES = (
    "The baker opened the shop before sunrise, because the first train stopped at six and its passengers were hungry. "
    "She put the warm loaves in the window, wrote the prices on a small board, and waited for the bell above the door "
    "to ring. On Mondays it rang late.",
    "Water boils at a lower temperature on a mountain, since the air above it is thinner and presses less. A cook who "
    "moves to a high valley learns this from hard potatoes. She covers the pot, gives it ten more minutes, and "
    "complains to her neighbours about the stove.",
    "My grandfather kept every letter that he had ever received in a wooden box under the stairs. When we moved house, "
    "the box was the last thing to be carried out. Nobody had read the letters for years, but nobody wanted to be the "
    "one to throw them away.",
    "If two trains leave the same station an hour apart, and the second is faster, it will catch the first at some "
    "point. To find out where, write the distance of each as a function of time and ask when both are equal. The "
    "answer does not depend on the colour of the trains.",
    "The cat slept on the warm roof of the car until the engine started. Then it jumped into the hedge, looked back "
    "with an offended face, and began to wash one paw. By the time the car had turned the corner, the cat had "
    "forgotten the whole affair.",
    "A good map leaves out nearly everything. It shows the roads and not the potholes, the rivers and not the frogs. "
    "What it shows depends on who will use it, so a map for cyclists and a map for pilots of the same valley have "
    "hardly a line in common.",
    "The committee met for three hours and decided to meet again. Its chairman thanked the members for their patience, "
    "the secretary collected the empty cups, and the youngest member asked, much too loudly, whether anybody could "
    "remember the question that they had come together to answer.",
    "Rain fell on the tin roof all night, so that she dreamed of an orchestra in which everyone played the drum. In "
    "the morning the garden was full of small lakes, and two ducks, which had never come before, walked among the "
    "cabbages as if they owned them.",
    "To repair the lamp, first pull out the plug. Unscrew the base with a small screwdriver and lift out the old "
    "switch, noting which wire goes where. Put in the new switch, fasten both wires, close the base, and only then "
    "try whether the light comes on.",
    "The river had once been the border between two kingdoms, and on each bank there still stood a tower. Children of "
    "both villages swam across it every summer without a passport. The old men who watched them from the bridge could "
    "not agree on which tower was the taller.",
    "He had practised the speech in front of the mirror for a week. But when he stood before the guests and saw his "
    "sister smile, he folded the paper, put it back into his pocket, and said only that he was happy, which made "
    "several people cry.",
    "Most plants turn their leaves towards the light. They have no muscles, so they do it by growing faster on the "
    "dark side of the stem, which bends it slowly to the other. Turn the pot round, and in a few days the leaves will "
    "have turned back again.",
    "The museum closes at five, but the guard begins to jingle his keys at half past four. Visitors who came for the "
    "dinosaurs hurry through the minerals, and those who came for the minerals find that the lights there have "
    "already been switched off. Only the mummies never complain.",
    "Our teacher said that an experiment without a control is a story. We had watered ten beans with tea and watched "
    "them grow tall. Then she showed us the ten beans on her own window, which had been given plain water, and they "
    "were just as tall as ours.",
    "The boat was blue when my uncle bought it, and green after he had painted it for the first time. Since then every "
    "owner has chosen another colour. Where the paint is scratched near the anchor, you can count the owners as you "
    "count the years of a tree.",
    "When the power failed, the whole street came out of their houses with candles. People who had nodded to each "
    "other for years began to talk. After two hours the lamps came back, there was a short cheer, and then everyone "
    "went inside again and closed the door.",
    "A market is the quickest way to learn numbers in a foreign language. You point at the tomatoes, the woman says a "
    "word, and you hold up some coins until she nods. By the end of the week you can count to twenty, and you have "
    "eaten a great many tomatoes.",
    "The clock in the tower was seven minutes fast, and everybody in the town knew it. When a new mayor had it set "
    "right, people missed their buses for a month. In the end the council voted to make the clock wrong again, and "
    "there was peace.",
    "Snow makes a street quiet because the air between the flakes swallows sound. Children know this without physics. "
    "They wake up, hear that they hear nothing, run to the window in their socks, and shout so loudly that nobody in "
    "the house can sleep any longer.",
    "She found the photograph between two pages of a cookery book. It showed a young man on a bicycle, laughing, with "
    "a fish under his arm. On the back somebody had written a date and the name of a lake, but not who he was or why "
    "he laughed.",
    "The law says that a dog must be led on a short leash in the park. It does not say who must hold the other end. "
    "So when the small boy was pulled past the bench by an enormous hound, the policeman could only take off his cap "
    "and step aside.",
    "Bread, salt, three onions, a bottle of oil and a box of matches were on the list. He came home with a cake, a "
    "newspaper and a pair of gloves for half the price. The shop, he explained, had been rearranged, and one thing "
    "had led to another.",
    "In the desert the nights are cold, because dry air lets the heat of the ground escape to the sky. Travellers who "
    "packed for the sun learn this at midnight. They put on all their shirts at once, sit close to the fire, and "
    "promise to read the guide next time.",
    "The violin had been in the family for a century, though no one could play it. It hung on the wall, and a spider "
    "lived in it. One day a visitor asked to tune it, and played for an hour. The spider moved to the clock and never "
    "returned.",
    "A sentence is easy to begin and hard to end. You add a clause, because the thought needs it, and then another, "
    "which the first one called for, and soon you are standing in the middle of a forest of commas and cannot see the "
    "verb you came with.",
    "The doctor listened to his heart, tapped his back, and asked him to breathe in and out. Then she wrote something "
    "that no one could read. You are quite healthy, she said, but you should walk more and worry less. He worried "
    "about that all the way home.",
    "Two brothers inherited one field and divided it with a rope. Each thought that the other had the better half. "
    "After ten years they exchanged the halves, and for a short time both were content. In spring they met at the "
    "rope again, each with a bag of seed and a suspicion.",
    "The new bridge is longer than the old one, but it takes less time to cross it. The old one had a narrow place in "
    "the middle, where carts had to wait for each other. Drivers used to talk there, and some friendships, and at "
    "least one marriage, began at that spot.",
    "Bees tell each other where flowers are by dancing. The angle of the dance stands for the direction to the sun, "
    "and its length for the distance. A bee that has danced badly sends her sisters to the wrong meadow, but as far "
    "as we know they do not hold it against her.",
    "He counted the steps to the cellar every time he went down. There were thirteen. On the evening of the storm, "
    "with a candle in his hand, he counted fourteen, went back up, and counted again. It is a matter of where you "
    "begin, he told himself, and left the wine where it was.",
    "The printer had promised the posters for Friday. On Friday he promised them for Monday. When they came at last, "
    "the concert was over, but they were so beautiful that people took them home, and the next year the hall was full "
    "before a single note had been rehearsed.",
    "At low tide you can walk to the island over the sand, and for six hours you are a guest there. Then the water "
    "comes back from both sides at once. The keeper of the inn knows the timetable by heart, and he always announces "
    "the last safe minute a little too late.",
)
"""One passage an entry, each of more than fifty tokens of a usual tokenizer, on a subject of its own."""
