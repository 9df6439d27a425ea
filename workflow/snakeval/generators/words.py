"""The closed world of the demo: the words that several generators draw from."""

# fmt: off
WOMEN = [
    "Anna", "Clara", "Emma", "Fiona", "Grace", "Hanna", "Iris", "Julia",
    "Laura", "Maria", "Nina", "Olga", "Rosa", "Sara", "Vera",
]
MEN = [
    "Adam", "Bruno", "Carl", "David", "Felix", "Hugo", "Jacob", "Lucas",
    "Marco", "Noah", "Oscar", "Paul", "Simon", "Thomas", "Victor",
]
PEOPLE = WOMEN + MEN
COLOURS = ["red", "blue", "green", "yellow", "black", "white", "brown", "grey"]
OBJECTS = [
    "ball", "book", "box", "coin", "cup", "drum", "flute", "hat", "key", "kite",
    "lamp", "map", "mirror", "ring", "rope", "scarf", "spoon", "stone", "sword", "watch",
]
PLACES = [
    "barn", "beach", "bridge", "castle", "church", "farm", "forest", "garden", "harbour", "hill",
    "lake", "market", "mill", "museum", "park", "river", "school", "station", "tower", "village",
]
THINGS = [
    "apples", "balls", "beans", "books", "cards", "coins", "eggs",
    "keys", "nuts", "pears", "pens", "rings", "shells", "stamps",
]
# fmt: on


def pronoun(name: str) -> str:
    return "she" if name in WOMEN else "he"
