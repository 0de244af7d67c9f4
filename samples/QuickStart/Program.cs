using System.Globalization;
using System.Text;
using Attention.Layers;
using Attention.Simd;
using QuickStart;

// Runs the attention blocks of a trained text recogniser on the activations of a real text line, compares with what ONNX
// Runtime recorded, shows where the columns of the line look, and times the library. Exit code 1 if the results differ.
const float LargestAllowed = 1e-4f;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = Encoding.UTF8;

using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Data", "svtr_neck_ppocrv4.safetensors"));
Recording recording = new(file);
using SvtrNeck neck = new(file);
NeckResult result = neck.Forward(recording.Input);

Console.WriteLine($"Two trained transformer blocks of a text recogniser, 8 heads of size 15, on the line \"{Recording.Text}\".");
Console.WriteLine($"Vectors: {SimdWidths.Preferred}. Processors: {Environment.ProcessorCount}.");
Console.WriteLine();
Console.WriteLine("Largest difference from ONNX Runtime's recorded results:");
bool agrees = true;
foreach ((string name, float difference) in recording.Differences(result))
{
    bool close = difference <= LargestAllowed;
    agrees &= close;
    Console.WriteLine($"  {name,-28} {difference:E1}  {(close ? "ok" : $"TOO LARGE, at most {LargestAllowed:E0} is allowed")}");
}

const int LastBlock = 1;
float[] weights = result.Blocks[LastBlock].Weights;
int head = AttentionMap.SharpestHead(weights, SvtrBlock.Heads, Recording.Length);
const int MapSize = Recording.Length * Recording.Length;
Console.WriteLine();
Console.WriteLine($"Where the columns of the image look, block {LastBlock}, head {head} (letters are spread evenly, so their places are approximate):");
Console.Write(AttentionMap.Draw(weights.AsSpan(head * MapSize, MapSize), Recording.Length, Recording.Text, AttentionMap.WantsColor()));

Console.WriteLine();
Console.WriteLine("Attention against a plain C# loop, medians:");
Timing.Print("this line: 8 heads, 59 x 59, size 15", SvtrBlock.Heads, Recording.Length, 15, repeats: 25);
Timing.Print("8 heads, 512 x 512, size 64", heads: 8, length: 512, headSize: 64, repeats: 5);
return agrees ? 0 : 1;
