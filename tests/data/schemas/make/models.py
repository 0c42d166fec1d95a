"""Models as programs that look at pictures write them."""

from __future__ import annotations
import datetime as dt, decimal, enum, ipaddress, pathlib, uuid
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from pydantic import (
    AnyUrl,
    AwareDatetime,
    BaseModel,
    Base64Bytes,
    ByteSize,
    ConfigDict,
    EmailStr,
    Field,
    FutureDate,
    HttpUrl,
    IPvAnyAddress,
    Json,
    NonNegativeInt,
    PositiveInt,
    RootModel,
    SecretStr,
    StringConstraints,
    conint,
    conlist,
    constr,
    NegativeFloat,
    FiniteFloat,
    UUID4,
)


class Animal(BaseModel):
    name: str
    species: Literal["cat", "dog", "bird"]
    confidence: float = Field(ge=0, le=1)


class Box(BaseModel):
    x: int
    y: int
    width: int
    height: int


class Detection(BaseModel):
    label: str = Field(description="what it is")
    box: Box = Field(description="where it is")
    score: Annotated[float, Field(ge=0.0, le=1.0)]


class Detections(BaseModel):
    """All that is seen in a picture."""

    detections: list[Detection]
    caption: str


class Colour(str, enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Shape(BaseModel):
    colour: Colour
    sides: int = Field(ge=0, le=12)
    filled: bool


class Priority(enum.IntEnum):
    LOW = 1
    MID = 2
    HIGH = 3


class Ticket(BaseModel):
    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    priority: Priority
    tags: list[str] = Field(default_factory=list, max_length=5)
    due: Optional[dt.date] = None


class LineItem(BaseModel):
    description: str
    quantity: PositiveInt
    unit_price: decimal.Decimal
    total: decimal.Decimal


class Address(BaseModel):
    street: str
    city: str
    postcode: Optional[str] = None
    country: str = "US"


class Invoice(BaseModel):
    invoice_number: str
    issued: dt.date
    vendor: Address
    items: list[LineItem]
    currency: Literal["EUR", "USD", "GBP"] = "EUR"
    total: float = Field(gt=0)
    paid: bool = False


class Receipt(BaseModel):
    merchant: str
    date: Optional[str] = Field(None, description="YYYY-MM-DD", pattern=r"^\d{4}-\d{2}-\d{2}$")
    total: Optional[float] = None
    items: list[str] = []


class Event(BaseModel):
    id: uuid.UUID
    starts: dt.datetime
    ends: Optional[dt.datetime] = None
    length: Optional[dt.timedelta] = None
    at: Optional[dt.time] = None


class Contact(BaseModel):
    name: str
    email: Optional[EmailStr] = None
    website: Optional[HttpUrl] = None
    phone: Optional[str] = Field(None, pattern=r"^\+?[0-9 ()-]{5,20}$")


class Cat(BaseModel):
    kind: Literal["cat"]
    indoor: bool


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: Optional[str] = None


class Fish(BaseModel):
    kind: Literal["fish", "eel"] = "fish"
    fresh: bool = True


class Pet(BaseModel):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]
    age: int = Field(ge=0, le=40)


class Pets(BaseModel):
    pets: list[Annotated[Union[Cat, Dog, Fish], Field(discriminator="kind")]]


class PlainUnion(BaseModel):
    what: Union[Cat, Dog, str, None]


class Circle(BaseModel):
    type: Literal["circle"]
    radius: float


class Square(BaseModel):
    type: Literal["square"]
    side: float


class Group(BaseModel):
    type: Literal["group"]
    children: list[Annotated[Union[Circle, Square, "Group"], Field(discriminator="type")]]


class Drawing(BaseModel):
    root: Annotated[Union[Circle, Square, Group], Field(discriminator="type")]


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Linked(BaseModel):
    value: int
    next: Optional["Linked"] = None


class Step(BaseModel):
    explanation: str
    output: str


class MathReasoning(BaseModel):
    steps: list[Step]
    final_answer: str


class Counts(BaseModel):
    counts: dict[str, int]


class Labels(BaseModel):
    labels: dict[Literal["red", "green", "blue"], float]


class KeyedBoxes(BaseModel):
    boxes: dict[str, Box]


class PatternKeys(BaseModel):
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z]+$")], int]


class UniqueTags(BaseModel):
    tags: set[str]


class Point(BaseModel):
    at: tuple[float, float]
    colour: tuple[int, int, int]


class Polygon(BaseModel):
    points: list[tuple[int, int]] = Field(min_length=3, max_length=12)


class Bounded(BaseModel):
    small: conint(ge=1, le=5)
    even: conint(multiple_of=2)
    name: constr(min_length=2, max_length=20)
    code: constr(pattern=r"^[A-Z]{3}-\d{4}$")
    few: conlist(int, min_length=1, max_length=3)


class BoundedPattern(BaseModel):
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", min_length=1, max_length=32)]


class Percent(BaseModel):
    value: int = Field(ge=0, le=100, multiple_of=5)


class Page(BaseModel, Generic[TypeVar("T")]):
    pass


T = TypeVar("T")


class Paged(BaseModel, Generic[T]):
    items: list[T]
    total: NonNegativeInt
    next: Optional[str] = None


class PagedBoxes(BaseModel):
    page: Paged[Box]
    other: Paged[str]


class Ips(BaseModel):
    four: ipaddress.IPv4Address
    six: ipaddress.IPv6Address
    any: IPvAnyAddress


class Odd(BaseModel):
    path: pathlib.Path
    secret: SecretStr
    size: ByteSize
    data: bytes


class Encoded(BaseModel):
    data: Base64Bytes
    inner: Json[dict[str, int]]


class Free(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    data: Any
    more: dict[str, Any] = {}


class Forbidden(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    list_of: list[Any]


class Aliased(BaseModel):
    first_name: str = Field(alias="firstName", title="First", examples=["Ada"])
    last: str = Field(alias="last-name", json_schema_extra={"x-order": 2})


class Words(RootModel[list[str]]):
    pass


class Ocr(BaseModel):
    text: str = Field(description="All text, line by line", max_length=2000)
    language: str = Field(pattern="^[a-z]{2}(-[A-Z]{2})?$")
    rotation: Literal[0, 90, 180, 270]


class Scene(BaseModel):
    people: NonNegativeInt
    indoors: bool
    weather: Optional[Literal["sunny", "rainy", "cloudy", "snow", "unknown"]]
    objects: list[str] = Field(max_length=10)
    summary: str = Field(max_length=300)


class Plate(BaseModel):
    plate: Optional[str] = Field(None, min_length=2, max_length=10)
    make: Optional[str]
    colour: Colour = Colour.RED


class Moderation(BaseModel):
    safe: bool
    categories: list[Literal["violence", "adult", "medical", "spoof", "racy"]]
    reason: str = Field(min_length=1)


class Meal(BaseModel):
    dish: str
    calories: int = Field(gt=0, lt=5000)
    ingredients: list["Ingredient"] = Field(min_length=1)


class Ingredient(BaseModel):
    name: str
    grams: Optional[float] = Field(None, ge=0)


class Form(BaseModel):
    fields: list["FormField"]


class FormField(BaseModel):
    key: str
    value: Union[str, int, float, bool, None]


class Cell(BaseModel):
    row: int
    column: int
    text: str


class Table(BaseModel):
    header: list[str]
    rows: list[list[str]]
    cells: Optional[list[Cell]] = None


class Resume(BaseModel):
    name: str
    emails: list[EmailStr] = Field(default_factory=list)
    jobs: list["Job"]
    links: list[AnyUrl] = []


class Job(BaseModel):
    company: str
    start: dt.date
    end: Optional[dt.date]
    skills: list[str]


class Sensor(BaseModel):
    at: AwareDatetime
    values: list[FiniteFloat]
    low: NegativeFloat
    token: UUID4
    when: Optional[FutureDate] = None


class Wide(BaseModel):
    pass


Wide = type(
    "Wide",
    (BaseModel,),
    {
        "__annotations__": {f"field_{i}": Optional[str] for i in range(40)},
        **{f"field_{i}": None for i in range(40)},
    },
)


class Verdict(BaseModel):
    """Chain of thought, then the verdict."""

    reasoning: str
    verdict: Literal["yes", "no", "unsure"]
    confidence: Annotated[int, Field(ge=0, le=100)]


class Countries(BaseModel):
    country: Literal[tuple(f"{a}{b}" for a in "ABCDEFGHIJ" for b in "KLMNOPQRSTUVWXYZ")]


class Money(BaseModel):
    amount: decimal.Decimal = Field(max_digits=10, decimal_places=2, ge=0)
    cents: float = Field(multiple_of=0.01, ge=0)


Node.model_rebuild()
Linked.model_rebuild()
Group.model_rebuild()
Drawing.model_rebuild()
Meal.model_rebuild()
Form.model_rebuild()
Resume.model_rebuild()
MODELS = [
    Animal,
    Detections,
    Shape,
    Ticket,
    Invoice,
    Receipt,
    Event,
    Contact,
    Pet,
    Pets,
    PlainUnion,
    Drawing,
    Node,
    Linked,
    MathReasoning,
    Counts,
    Labels,
    KeyedBoxes,
    PatternKeys,
    UniqueTags,
    Point,
    Polygon,
    Bounded,
    BoundedPattern,
    Percent,
    PagedBoxes,
    Ips,
    Odd,
    Encoded,
    Free,
    Forbidden,
    Aliased,
    Words,
    Ocr,
    Scene,
    Plate,
    Moderation,
    Meal,
    Form,
    Table,
    Resume,
    Sensor,
    Wide,
    Verdict,
    Countries,
    Money,
]
